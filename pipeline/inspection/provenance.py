"""Where one score comes from: model, query, code, configuration and input row; and why another run differs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements
from pipeline.errors import ScoringError, UsageError
from pipeline.inspection import differences, lineage, reproduce
from pipeline.inspection.lineage import Change
from pipeline.model import scoring
from pipeline.runs import archive
from pipeline.runs.archive import ArchivedPart
from pipeline.store import parts
from pipeline.store.parts import MissingPart, PartError
from pipeline.store.schemas import SCORE_SCHEMA

_SQL = statements.load("inspection/provenance")


class TraceError(UsageError):
    """An entity that the run neither scored nor rejected."""


@dataclass(frozen=True)
class Score:
    """What the model gave an entity."""

    score: float
    label: str | None
    class_scores: list[float] | None


@dataclass(frozen=True)
class Input:
    """One feature of an entity.

    Attributes:
        value: as the part has it; None for null.
        dtype: the pandas or NumPy dtype in which the model gets it; None where the model is gone.
    """

    value: Any
    dtype: str | None


@dataclass(frozen=True)
class Rule:
    """A rule that an entity's row broke, so that it was rejected."""

    row_number: int
    column_name: str
    rule: str


@dataclass(frozen=True)
class Trace:
    """All that made one score.

    Attributes:
        entity_id: whose score it is.
        run: the run's row: job, score date, status, model, digests and library versions among it.
        query_file: the job's query, below sql/; None where it cannot be read.
        query: its text, where the file still has the digest that the run entered; else None.
        part: the part that the entity's row is in; None where it was rejected.
        inputs: its features by name, in the trained order; empty where the part is gone.
        kept: the score in the database; None where it was rejected.
        again: the score that the pinned model gives today; None where it cannot be had.
        equal: whether the two are the same, to the last bit where no row of the part was erased since; None where there
            are not two.
        rejected: the rules that its row broke.
        notes: what could not be shown, and why.
    """

    entity_id: str
    run: dict[str, Any]
    query_file: str | None
    query: str | None
    part: int | None
    inputs: dict[str, Input]
    kept: Score | None
    again: Score | None
    equal: bool | None
    rejected: list[Rule]
    notes: list[str]


def trace(workspace: Workspace, run_id: int, entity_id: str) -> Trace:
    """Find what made an entity's score in a run, and score its row again.

    Raises:
        LedgerError: there is no such run, or it was not scored to its end.
        TraceError: the run neither scored nor rejected the entity.
        PartError: the part is altered.
    """
    row = archive.run(workspace.predictions, run_id)
    values = {name: row[name] for name in ("run_id", "score_date", "job")} | {"entity_id": entity_id}
    scored, rejected = (
        _rows(workspace.predictions, query, values) for query in (_SQL["row"], _SQL["rejections"])
    )
    if not scored and not rejected:
        raise TraceError(_unknown(workspace, values))
    part = next((part for part in archive.parts_of(row) if scored and part.number == scored[0]["part"]), None)
    inputs, again, notes = _again(workspace, row, part, entity_id) if part else ({}, None, [])
    then = pa.Table.from_pylist([{ENTITY: entity_id, **line} for line in scored], SCORE_SCHEMA)
    today = lineage.today(workspace.home, row["job"])
    equal = None
    if part and again is not None:
        every = list(differences.between(part.number, "", then, again))
        equal = not differences.unexplained(every, part)
        if every and equal:
            notes.append(
                "the last bits differ: rows of its part were erased since, and were scored together with it"
            )
    return Trace(
        entity_id,
        {name: value for name, value in row.items() if not isinstance(value, list)},
        today.query_file,
        today.query if today.row["query_sha256"] == row["query_sha256"] else None,
        part.number if part else None,
        inputs,
        next(_scores(then), None),
        next(_scores(again), None) if again is not None else None,
        equal,
        [Rule(**line) for line in rejected],
        notes,
    )


def changes(before: Trace, after: Trace) -> list[Change]:
    """What differs between an entity's inputs in two runs, beside what differs between the runs."""
    columns = {**before.inputs, **after.inputs}
    inputs = [
        Change(
            name, *(trace.inputs[name].value if name in trace.inputs else None for trace in (before, after))
        )
        for name in columns
        if before.inputs.get(name) != after.inputs.get(name)
    ]
    return [change for change in lineage.changes(before.run, after.run) if change.what != "input"] + inputs


def _again(
    workspace: Workspace, row: Mapping[str, Any], part: ArchivedPart, entity_id: str
) -> tuple[dict[str, Input], pa.Table | None, list[str]]:
    """An entity's inputs, and its score of today or the reason why there is none."""
    try:
        batch, place = _find(workspace.store, part, entity_id)
    except MissingPart as error:
        return {}, None, [f"{error.path} is no longer in the store: neither input nor score of today"]
    dtypes, again, notes = {}, None, []
    try:
        loaded = reproduce.load(workspace, row)
        dtypes = {column.name: column.dtype for column in loaded.manifest.columns}
        # The whole batch: on its size a score's last bits may depend.
        again = scoring.tolerate(loaded, batch, part.tolerance).of(entity_id)
    except ScoringError as error:
        notes.append(str(error))
    names = [name for name in batch.schema.names if name != ENTITY]
    inputs = {name: Input(batch.column(name)[place].as_py(), dtypes.get(name)) for name in names}
    return inputs, again, notes


def _find(store: str, part: ArchivedPart, entity_id: str) -> tuple[pa.RecordBatch, int]:
    for batch in parts.read(store, part.input.path, part.input):
        place = pc.index(batch.column(ENTITY), entity_id).as_py()
        if place >= 0:
            return batch, place
    raise PartError(
        f"part {part.input.path} does not hold {entity_id!r}, though the database has a score of it in that part. "
        "Find out what changed the database: scoring reproduce RUN"
    )


def _unknown(workspace: Workspace, values: dict[str, Any]) -> str:
    problem = f"run {values['run_id']} has neither scored nor rejected entity {values['entity_id']!r}. "
    others = [row["run_id"] for row in _rows(workspace.predictions, _SQL["others"], values)]
    if others:
        return (
            f"{problem}Other runs of {values['job']} {values['score_date']} have: name one of "
            f"{', '.join(map(str, others))}."
        )
    nearest = _rows(workspace.predictions, _SQL["nearest"], values)[0]["entity_id"]
    return f"{problem}No other run of its score date has. The nearest entity is {nearest!r}. Correct the name or run."


def _rows(database_url: str, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with postgres.engine(database_url).connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]


def _scores(rows: pa.Table) -> Iterator[Score]:
    for row in rows.to_pylist():
        yield Score(row["score"], row["label"], row["class_scores"])
