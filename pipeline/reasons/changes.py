"""Which entities of a run have changed since the score date before: their score lies in another tenth of its day's.

The database compares them, and whoever explains a part gets their names as a file of the store.
"""

from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from pipeline.attribution.walk import Floats
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements
from pipeline.errors import NothingToDo
from pipeline.reasons.rows import CHOSEN
from pipeline.reasons.work import ReasonsError, Since
from pipeline.runs import archive, history
from pipeline.runs.archive import ArchivedPart
from pipeline.store.layout import RunRef
from pipeline.store.parts import PartWriter

_SQL = statements.load("reasons/tries")

Row = dict[str, Any]


def since(workspace: Workspace, run: Row) -> Since:
    """The run beside which a run's entities have changed, with the tenths of both.

    Raises:
        NothingToDo: there is none, so nobody has.
    """
    values = {"job": run["job"], "score_date": run["score_date"]}
    with postgres.engine(workspace.predictions).connect() as connection:
        before = connection.execute(sa.text(_SQL["before"]), values).one_or_none()
        if before is None:
            raise NothingToDo(
                f"no reasons of run {run['run_id']}: no score date of {run['job']} before {run['score_date']} is "
                "published, so that no entity has changed since"
            )
        then, now = (
            connection.execute(sa.text(_SQL["tenths"]), ids).scalar_one()
            for ids in (before._asdict(), {"run_id": run["run_id"], "score_date": run["score_date"]})
        )
    if then is None or now is None:
        raise NothingToDo(
            f"no reasons of run {run['run_id']}: it has no scores, or run {before.run_id} has none"
        )
    return Since(run_id=before.run_id, score_date=before.score_date, then=tuple(then), now=tuple(now))


def save(workspace: Workspace, run: Row, compared: Since, parts: list[ArchivedPart]) -> dict[int, str]:
    """Put the names of each part's entities that have changed into the store; returns the files' digests by part."""
    ref = RunRef(run["job"], run["score_date"], run["run_id"])
    writers = {part.number: PartWriter(CHOSEN) for part in parts}
    digests = {}
    for number, entities in _changed(workspace, run, compared):
        writers[number].write(pa.record_batch([entities], schema=CHOSEN))
        digests[number] = writers.pop(number).save(workspace.store, ref.chosen(number), number).sha256
    for number, writer in writers.items():
        digests[number] = writer.save(workspace.store, ref.chosen(number), number).sha256
    return digests


def of_part(workspace: Workspace, run: Row, compared: Since, part: int) -> pa.Array:
    """The names of a part's entities that have changed.

    Raises:
        ReasonsError: the scores of the run before have had their time.
    """
    if history.show(workspace.predictions, compared.run_id)["expired_at"] is not None:
        raise ReasonsError(
            f"run {run['run_id']} was explained beside run {compared.run_id}, whose scores have had their time: nobody "
            "can tell any more which entities had changed. The reasons that are kept stay as they are."
        )
    with closing(_changed(workspace, run, compared)) as by_part:
        return next((entities for number, entities in by_part if number == part), pa.array([], pa.string()))


def _changed(workspace: Workspace, run: Row, compared: Since) -> Generator[tuple[int, pa.Array], None, None]:
    """The parts in which entities have changed, with their names: a part at a time is held."""
    before, after = (compared.run_id, compared.score_date), (run["run_id"], run["score_date"])
    with archive.pairs(workspace.predictions, before, after) as stream:
        for run_id, number, pairs in stream:
            if run_id == run["run_id"]:
                then, now = pairs["before"].to_numpy(), pairs["after"].to_numpy()
                moved = _tenths(then, compared.then) != _tenths(now, compared.now)
                yield number, pairs[ENTITY].combine_chunks().filter(pa.array(moved & ~np.isnan(then)))


def _tenths(scores: Floats, cuts: tuple[float, ...]) -> Any:
    return np.searchsorted(cuts, scores, side="right")
