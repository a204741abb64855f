"""How a version has done since it was registered: its last published runs, their outcomes, findings and alarms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.reports.queries import NoSuchRun

_SQL = statements.load("reports/card")

# As many published runs of each job are looked back on.
RUNS = 28


@dataclass(frozen=True)
class Group:
    """The outcomes of a group over some runs; of all entities where the column is empty.

    Attributes:
        column: the slice's column.
        value: its value; None where it is missing.
        outcomes: how many entities have one.
        figures: by name, weighted by the outcomes of each run.
    """

    column: str
    value: str | None
    outcomes: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Job:
    """What one job has published by the version.

    Attributes:
        name: the job.
        dates: the score dates, the newest first.
        measured: how many of them have outcomes that count.
        in_sample: how many have outcomes of dates on which the version was trained, which do not count.
        alarms: how many of those measured had a quality alarm.
        groups: the outcomes of those measured.
        findings: by check, on how many of the dates it found something.
    """

    name: str
    dates: Sequence[date]
    measured: int
    in_sample: int
    alarms: int
    groups: Sequence[Group]
    findings: dict[str, int]


def run(database_url: str, run_id: int) -> Mapping[str, Any]:
    """A run's job, and the model and version that scored it; the version is None before that.

    Raises:
        NoSuchRun: there is none of that number.
    """
    with engine(database_url).connect() as connection:
        row = connection.execute(sa.text(_SQL["run"]), {"run_id": run_id}).mappings().one_or_none()
    if row is None:
        raise NoSuchRun(f"no run {run_id}. `scoring runs` lists them.")
    return dict(row)


def read(database_url: str, model: str, version: int) -> list[Job]:
    """What each job has published by a version.

    Args:
        database_url: the predictions database, as any role that may read the views.
        model: the model's name.
        version: the version.
    """
    values = {"model": model, "version": version, "most": RUNS}
    with engine(database_url).connect() as connection:
        runs = connection.execute(sa.text(_SQL["runs"]), values).all()
        numbers = {"runs": [run.run_id for run in runs]}
        quality = connection.execute(sa.text(_SQL["quality"]), numbers).all()
        findings = connection.execute(sa.text(_SQL["findings"]), numbers).all()
    return [
        _job(
            name,
            [run.score_date for run in runs if run.job == name],
            [row for row in quality if row.job == name],
            {row.check_name: row.runs for row in findings if row.job == name},
        )
        for name in dict.fromkeys(run.job for run in runs)
    ]


def _job(name: str, dates: list[date], rows: list[Any], findings: dict[str, int]) -> Job:
    seen = {row.run_id for row in rows if row.in_sample}
    fair = [row for row in rows if row.run_id not in seen]
    groups: dict[tuple[str, str | None], list[Any]] = {}
    for row in fair:
        groups.setdefault((row.slice_column, row.slice_value), []).append(row)
    return Job(
        name,
        dates,
        measured=len({row.run_id for row in fair}),
        in_sample=len(seen),
        alarms=len({row.run_id for row in fair if row.quality_alarm}),
        groups=[_group(column, value, each) for (column, value), each in groups.items()],
        findings=findings,
    )


def _group(column: str, value: str | None, rows: Iterable[Any]) -> Group:
    rows = list(rows)
    figures = {}
    for name in ("accuracy", "log_loss", "roc_auc", "mae", "rmse"):
        known = [(getattr(row, name), row.outcomes) for row in rows if getattr(row, name) is not None]
        if known:
            figures[name] = _mean(name, known)
    return Group(column, value, sum(row.outcomes for row in rows), figures)


def _mean(name: str, known: Sequence[tuple[float, int]]) -> float:
    """Of the runs' figures, each as heavy as it has outcomes; errors that are squared add up as squares."""
    power = 2 if name == "rmse" else 1
    total = sum(outcomes for _, outcomes in known)
    mean = sum(float(value**power) * outcomes for value, outcomes in known) / total
    return float(mean ** (1 / power))
