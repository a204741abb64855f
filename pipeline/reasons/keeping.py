"""What was found of a run's reasons goes into the database: all of it in one transaction, or a note of why not."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config.workspace import Workspace
from pipeline.databases import statements, waiting
from pipeline.errors import kept_text
from pipeline.reasons import sums
from pipeline.reasons.work import Outcome, PartWork, ReasonsError
from pipeline.runs.archive import File
from pipeline.store import parts
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartError

_SQL = statements.load("reasons/tries")

# Classes of SQLSTATE: bad values, broken constraints, and what is larger than Postgres can keep.
_REFUSALS = ("22", "23", "54")

OVERTAKEN = "Another try has begun with other settings of [reasons], and only its reasons are kept."


def checked(store: str, ref: RunRef, outcome: Outcome) -> Outcome:
    """What became of a part, once its files were looked at: without them, where one is lost or altered."""
    try:
        _reasons(store, ref, outcome)
        _sums(store, ref, outcome)
    except PartError as error:
        lost = {"explained": 0, "reasons": "", "contributions": "", "failure": kept_text(error)}
        return outcome.model_copy(update=lost)
    return outcome


def keep(
    connection: sa.Connection, store: str, work: Sequence[PartWork], done: Sequence[Outcome], failure: str
) -> str:
    """Enter reasons and end the try; returns why they are not all.

    Args:
        connection: within a transaction.
        store: where runs keep their parts.
        work: the parts that were to be explained.
        done: what became of those whose tasks left anything.
        failure: why that is not all; empty where it is.

    Raises:
        ReasonsError: another try has overtaken this one.
        PartError: a file was lost or altered since it was checked.
    """
    run_id, ref = work[0].run_id, RunRef.of(work[0])
    asked = {"run_id": run_id, "settings": work[0].settings.text}
    entry = connection.execute(sa.text(_SQL["open_try"]), asked).one_or_none()
    if failure and entry and entry.is_ours and (entry.explained_before or 0) >= _explained(done):
        # What the try before has kept is worth more than what this one has.
        nothing = {**_ended(run_id, done, failure), "explained": 0, "gap": None}
        connection.execute(sa.text(_SQL["end"]), nothing)
        return failure
    values = {"run_id": run_id, "parts": [part.number for part in work]}
    values["inputs"] = [part.input_sha256 for part in work]
    if refusal := connection.execute(sa.text(_SQL["open"]), values).scalar_one():
        connection.execute(sa.text(_SQL["end"]), _ended(run_id, [], refusal))
        return str(refusal)
    # Once more: `open` has locked it, and nothing is changed about it any more.
    entry = connection.execute(sa.text(_SQL["open_try"]), asked).one_or_none()
    if not entry or not entry.is_ours:
        raise ReasonsError(OVERTAKEN)  # the transaction gives back what it deleted
    for outcome in done:
        for batch in _reasons(store, ref, outcome):
            values = {"run_id": run_id, "part": outcome.number, **batch.to_pydict()}
            connection.execute(sa.text(_SQL["enter"]), values)
    connection.execute(sa.text(_SQL["contributions"]), _contributions(store, ref, done, run_id))
    connection.execute(sa.text(_SQL["end"]), _ended(run_id, done, failure))
    return failure


def fail(workspace: Workspace, run_id: int, why: str) -> None:
    """Note that a try has kept nothing."""
    ask(workspace, run_id, _SQL["end"], _ended(run_id, [], why))


def is_refusal(error: sa.exc.DBAPIError) -> bool:
    """Whether a database will not take values, however often it is tried."""
    state: str = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in _REFUSALS


def ask(workspace: Workspace, run_id: int, query: str, values: dict[str, Any]) -> str:
    """A function's answer: why it refuses, or nothing."""

    def work(connection: sa.Connection) -> str:
        return connection.execute(sa.text(query), values).scalar_one() or ""

    return waiting.patiently(workspace.predictions, f"noting the reasons of run {run_id}", work)


def _reasons(store: str, ref: RunRef, outcome: Outcome) -> Iterator[pa.RecordBatch]:
    """A part's reasons, as many at a time as a group of a file's rows has."""
    return _batches(store, ref.reasons(outcome.number), outcome.reasons)


def _sums(store: str, ref: RunRef, outcome: Outcome) -> Iterator[pa.RecordBatch]:
    return _batches(store, ref.contributions(outcome.number), outcome.contributions)


def _batches(store: str, path: str, digest: str) -> Iterator[pa.RecordBatch]:
    return parts.read(store, path, File("", digest)) if digest else iter(())


def _contributions(store: str, ref: RunRef, done: Sequence[Outcome], run_id: int) -> dict[str, Any]:
    batches = (batch for outcome in done for batch in _sums(store, ref, outcome))
    rows = [
        (*key, each.entities, each.total / each.entities, each.total_size / each.entities, each.training_size)
        for key, each in sums.merged(batches).items()
    ]
    names = ("columns", "slices", "values", "entities", "means", "sizes", "training")
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return {"run_id": run_id, **dict(zip(names, columns, strict=True))}


def _explained(done: Sequence[Outcome]) -> int:
    return sum(outcome.explained for outcome in done)


def _ended(run_id: int, done: Sequence[Outcome], failure: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "background": next((outcome.background for outcome in done if outcome.background), None),
        "wanted": sum(outcome.wanted for outcome in done),
        "explained": _explained(done),
        "gap": max((outcome.gap for outcome in done), default=None),
        "why": failure or None,
    }
