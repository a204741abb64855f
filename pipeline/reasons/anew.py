"""One entity's reasons, computed anew from what the store keeps of its run, beside those that the database keeps.

An entity is explained with the rows of its block again, so that its contributions are the same bit for bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.attribution import background, ranking
from pipeline.attribution.explainer import EXACT, Explainer
from pipeline.attribution.walk import Floats
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, statements
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.reasons import changes, explaining
from pipeline.reasons.rows import Chosen
from pipeline.reasons.work import ReasonsError, Settings
from pipeline.runs import archive

_SQL = statements.load("reasons/kept")

Row = dict[str, Any]


@dataclass(frozen=True)
class Anew:
    """An entity's reasons, twice.

    Attributes:
        run_id: the run.
        entity_id: the entity.
        kept: what the database has, in the order of ranks.
        again: what the run's model gives today.
        rounded: whether they differ in their last bits alone, and rows of the part were erased since.
    """

    run_id: int
    entity_id: str
    kept: Sequence[Row]
    again: Sequence[Row]
    rounded: bool

    @property
    def equal(self) -> bool | None:
        """Whether they are the same, to the last bit where no row of the part was erased since; None without two."""
        if not self.kept:
            return None
        return self.rounded or list(self.kept) == list(self.again)


def of_entity(workspace: Workspace, run_id: int, entity: str) -> Anew:
    """Explain one score of a run once more.

    Args:
        workspace: folders, store and predictions database.
        run_id: the run.
        entity: whose score.

    Raises:
        LedgerError: there is no such run, or it was not scored whole.
        ReasonsError: the run was not explained, or the entity is none that gets reasons; or nobody can tell any more.
        ModelError: the run's model is gone, or is not the one that scored it; or its background is another one.
        PartError: the part is missing or altered.
    """
    run = archive.run(workspace.predictions, run_id)
    explanation, number, kept = _kept(workspace, run, entity)
    settings = Settings.read(explanation.settings)
    if run["parts_pruned_at"] is not None:
        raise ReasonsError(
            f"the parts of run {run_id} had their time on {run['parts_pruned_at']:%Y-%m-%d}: its reasons are kept, and "
            "cannot be computed anew. Analysts read them in scoring.prediction_reasons."
        )
    part = next(each for each in archive.parts_of(run) if each.number == number)
    pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    explainer = explaining.prepare(pinned, settings)
    if explanation.background_sha256 not in (None, background.digest(explainer.background)):
        raise ModelError(
            f"run {run_id} was explained beside other rows of training than {pinned.folder} has now: its manifest.json "
            "or reference was altered since. Restore it from git."
        )
    among = changes.of_part(workspace, run, settings.since, number) if settings.since else None
    chosen = Chosen(workspace.store, part.input, part.scored, settings.least, among)
    rows, scores = _block(explainer, chosen, entity, run_id)
    block = explainer.explain(rows, scores)
    reasons = ranking.reasons(block, explainer.players, settings.top, keep_values=settings.keep_values)
    again = [row for row in reasons.to_pylist() if row[ENTITY] == entity]
    return Anew(run_id, entity, kept, again, part.erased > 0 and _close(kept, again))


def _kept(workspace: Workspace, run: Row, entity: str) -> tuple[Any, int, list[Row]]:
    """How a run was explained, which part has an entity, and its reasons in the database."""
    values = {"run_id": run["run_id"], "score_date": run["score_date"], "entity": entity}
    with postgres.engine(workspace.predictions).connect() as connection:
        explanation = connection.execute(sa.text(_SQL["explanation"]), values).one_or_none()
        if explanation is None:
            raise ReasonsError(
                f"run {run['run_id']} of {run['job']} was not explained. Add a section [reasons] to the job file, and "
                f"have it explained: scoring explain {run['run_id']}"
            )
        number = connection.execute(sa.text(_SQL["part"]), values).scalar_one_or_none()
        if number is None:
            raise ReasonsError(
                f"run {run['run_id']} has no score of {entity!r}. See: scoring reproduce --entity"
            )
        rows = connection.execute(sa.text(_SQL["reasons"]), values).mappings().all()
    return explanation, number, [dict(row) for row in rows]


def _block(explainer: Explainer, chosen: Chosen, entity: str, run_id: int) -> tuple[pa.RecordBatch, Floats]:
    """The rows that were explained together with an entity."""
    for rows, scores in explainer.blocks(chosen.read()):
        if entity in rows.column(ENTITY).to_pylist():
            return rows, scores
    raise ReasonsError(
        f"run {run_id}: {entity!r} is none of the entities that get reasons (reasons.rows in the job file as it was)."
    )


def _close(kept: Sequence[Row], again: Sequence[Row]) -> bool:
    """Whether reasons differ in last bits alone."""
    numbers = ("contribution", "error", "base", "others")
    return len(kept) == len(again) and all(
        then["column_name"] == now["column_name"]
        and all(math.isclose(then[name], now[name], rel_tol=EXACT, abs_tol=EXACT) for name in numbers)
        for then, now in zip(kept, again, strict=True)
    )
