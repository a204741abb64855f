"""What a job's training would stumble over, found without running the team's function or writing anything."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path, PurePosixPath

from pipeline.candidates import content
from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.training_section import TrainingSection
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.registration import surroundings
from pipeline.retraining import environment, rows, team_code
from pipeline.retraining.team_code import RetrainingError, TeamCode

# Of a larger date no more is read: whether there are enough rows is clear by then.
_MOST_ROWS = 10_000


def rehearse(workspace: Workspace, job: Job, score_date: date) -> str:
    """Read the training function and a score date's rows; says what would be trained, when, and where it goes.

    Args:
        workspace: folders and the warehouse.
        job: with a section [training].
        score_date: a usual one.

    Raises:
        RetrainingError: the function cannot be imported, or the query gives too few rows or a wrong column.
        ModelError, BuildError: the champion's environment cannot be used.
        WarehouseError: there is no such query, or the database refused it.
    """
    section, rule = rows.required(job)
    code, outcome = team_code.read(workspace.home, section.function), rows.outcome_of(workspace.home, job)
    champion = rows.champion(workspace.home, job)
    installed = environment.interpreter(champion) == Path(sys.executable)
    libraries = "" if champion is None or installed else f", with the libraries of {champion.manifest.label}"
    _require_function(code, installed=installed)
    named = section.query or job.extract.query
    columns, count = _read(workspace, job, named, score_date)
    rows.require_no_outcome(columns, outcome, named)
    if ENTITY not in columns:
        raise RetrainingError(
            f"{named} has no column {ENTITY!r}, by which a row finds its outcome. Select it."
        )
    _require_enough(section, named, count, score_date)
    further = sorted(set(columns) - set(_read(workspace, job, job.extract.query, score_date, most=1)[0]))
    note = f"; no run has {', '.join(further)}, so that no model may take it" if further else ""
    shown = (
        f"{count} rows of {score_date}, about {count * section.window_days:,} in {section.window_days} dates"
    )
    return (
        f"{section.function}, from {named} and {outcome!r} of {rule.query}: "
        f"{shown if count < _MOST_ROWS else f'at least {shown}'}{note}; trained {_when(job, section)}{libraries}, "
        f"for {section.time_limit_minutes:g} minutes at most; candidates go to {content.store()}"
    )


def _require_function(code: TeamCode, *, installed: bool) -> None:
    """Refuse a file that could not be imported, or lacks the function; it is read and not run.

    Args:
        code: with the file.
        installed: whether it is imported where these libraries are.
    """
    path, _, name = code.function.partition(":")
    try:
        tree = ast.parse(code.files[PurePosixPath(path).name])
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise RetrainingError(
            f"{path} cannot be imported: it is no Python{f', by line {line}' if line else ''}. Correct it."
        ) from error
    if name not in set(_defined(tree)):
        raise team_code.no_function(code.function)
    own = surroundings.names(code.files)
    for module in _imported(tree) if installed else ():
        if module not in own and importlib.util.find_spec(module) is None:
            raise RetrainingError(
                f"{path} imports {module!r}, which neither lies beside it nor is installed. Install it where `train` "
                "runs, or lay it beside the file."
            )


def _defined(tree: ast.Module) -> Iterator[str]:
    """The names that a module may have once it is imported."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def _imported(tree: ast.Module) -> Iterator[str]:
    """The top-level packages that importing the module imports; one that it tries for may be missing."""
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from (each.name.partition(".")[0] for each in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def _read(
    workspace: Workspace, job: Job, named: str, day: date, most: int = _MOST_ROWS
) -> tuple[list[str], int]:
    """The columns of a query, and how many rows it gives of a date, up to a number."""
    text, count = queries.read(workspace.home / "sql", named), 0
    with warehouse.stream(
        workspace.warehouse, Query(text, dates.query_values(day, job.zone), named)
    ) as reader:
        for batch in reader:
            count += batch.num_rows
            if count >= most:
                break
        return reader.schema.names, min(count, most)


def _require_enough(section: TrainingSection, named: str, count: int, day: date) -> None:
    if count >= _MOST_ROWS or count * section.window_days >= section.minimum_rows:
        return
    raise RetrainingError(
        f"{named} gives {count} rows on {day}. With so many on each of {section.window_days} dates nothing is trained: "
        f"training.minimum_rows is {section.minimum_rows}. Name a usual date (--date), raise training.window_days, or "
        "lower the number."
    )


def _when(job: Job, section: TrainingSection) -> str:
    on_time = f"at {section.schedule} {job.timezone}" if section.schedule else ""
    on_alarm = "on a quality alarm" if section.on_alarm else ""
    return " and ".join(filter(None, (on_time, on_alarm))) or f"by hand (scoring train {job.name})"
