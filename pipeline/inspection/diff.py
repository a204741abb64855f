"""Two runs of a job side by side: which entities came and went, which scores changed and by how much."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.config import loader
from pipeline.config.job import JobError
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.errors import UsageError
from pipeline.inspection import lineage, slices
from pipeline.inspection.lineage import Change
from pipeline.inspection.slices import Slice
from pipeline.runs import archive

_SQL = statements.load("inspection/diff")


class CompareError(UsageError):
    """Two runs that cannot be compared."""


@dataclass(frozen=True)
class Side:
    """One of the two runs.

    Attributes:
        run_id: the run.
        score_date: the day whose rows it scored.
        status: of the run.
        entities: how many have a score.
        mean_score: of all of them; None where there is none.
    """

    run_id: int
    score_date: date
    status: str
    entities: int
    mean_score: float | None


@dataclass(frozen=True)
class Moved:
    """An entity whose score changed."""

    entity_id: str
    before: float
    after: float


@dataclass(frozen=True)
class Diff:
    """The difference between two runs; all counts are of entities.

    Attributes:
        job: the runs' job.
        before: the first run.
        after: the second run.
        lineage: what differs of what decides a score: model, query, code, job file, input, libraries.
        appeared: in the second run only.
        vanished: in the first run only.
        changed: in both, with scores that are not exactly the same.
        mean_change: mean absolute change of those that changed; None where none did.
        max_change: largest absolute change.
        crossed_decile: in both, and in another decile of the first run's scores.
        relabelled: in both, with another label.
        class_scores_changed: in both, with other probabilities of the classes.
        deciles: the nine scores that cut the first run into tenths.
        largest: those whose scores changed most, the largest change first.
        slices: the same by value of the job's `slices`.
        notes: what could not be shown, and why.
    """

    job: str
    before: Side
    after: Side
    lineage: list[Change]
    appeared: int
    vanished: int
    changed: int
    mean_change: float | None
    max_change: float | None
    crossed_decile: int
    relabelled: int
    class_scores_changed: int
    deciles: list[float]
    largest: list[Moved]
    slices: list[Slice]
    notes: list[str]

    def sentences(self) -> list[str]:
        """The difference in words, without largest changes and slices."""
        common = self.before.entities - self.vanished
        moved = (
            f", by {self.mean_change:.6g} on average and {self.max_change:.6g} at most"
            if self.changed
            else ""
        )
        classes = f"class probabilities: {self.class_scores_changed} changed"
        return [
            f"entities: {self.before.entities} before, {self.after.entities} after; {self.appeared} appeared, "
            f"{self.vanished} vanished",
            f"scores: {self.changed} of {common} changed{moved}; mean {_mean(self.before)} before, "
            f"{_mean(self.after)} after",
            f"deciles: {self.crossed_decile} entities crossed a decile of run {self.before.run_id}",
            f"labels: {self.relabelled} changed",
            *([classes] if self.class_scores_changed else []),
            f"changed between the runs: {', '.join(map(str, self.lineage)) or 'nothing'}",
        ]


def compare(workspace: Workspace, before: int, after: int, *, top: int = 10) -> Diff:
    """Compare two runs of a job, of the same score date or of two; also by the slices that the job file names.

    Args:
        workspace: folders, store and databases.
        before: the first run's id.
        after: the second run's id.
        top: how many of the largest changes to name.

    Raises:
        LedgerError: a run is not there, or was not scored to its end.
        CompareError: the runs are of two jobs, or the rows of one are gone.
        PartError: a part is altered.
    """
    diff = scores(workspace.predictions, before, after, top=top)
    try:
        columns = loader.find(workspace.home / "dags", diff.job).slices
    except JobError as error:
        return replace(diff, notes=[f"no slices: {error}"])
    if not columns:
        return diff
    rows = [archive.run(workspace.predictions, side.run_id) for side in (diff.before, diff.after)]
    sliced, notes = slices.compare(workspace.predictions, workspace.store, rows, columns)
    return replace(diff, slices=sliced, notes=notes)


def with_published(database_url: str, run_id: int) -> Diff | None:
    """Compare a held run with the published one that it would replace; None where there is none, or it is not held."""
    with postgres.engine(database_url).connect() as connection:
        published = connection.execute(sa.text(_SQL["published"]), {"run_id": run_id}).scalar_one_or_none()
    return scores(database_url, published, run_id, top=3) if published is not None else None


def scores(database_url: str, before: int, after: int, *, top: int) -> Diff:
    """Compare the scores of two runs of a job, without slices, which the database does not have.

    Raises:
        LedgerError: a run is not there, or was not scored to its end.
        CompareError: the runs are of two jobs, or the rows of one are gone.
    """
    rows = archive.run(database_url, before), archive.run(database_url, after)
    if rows[0]["job"] != rows[1]["job"]:
        raise CompareError(
            f"run {before} is of job {rows[0]['job']}, and run {after} of {rows[1]['job']}. Name two runs of one job."
        )
    values = _values(*rows)
    with postgres.engine(database_url).connect() as connection:
        # As for the audit: a join of two million rows in memory, and no worker beside it.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'"))
        connection.execute(sa.text("SET LOCAL max_parallel_workers_per_gather = 0"))
        summary = dict(connection.execute(sa.text(_SQL["summary"]), values).mappings().one())
        largest = connection.execute(sa.text(_SQL["largest"]), {**values, "top": top})
        moved = [Moved(**row) for row in largest.mappings()]
    return Diff(
        job=rows[0]["job"],
        before=_side(rows[0], summary.pop("entities_before"), summary.pop("mean_before")),
        after=_side(rows[1], summary.pop("entities_after"), summary.pop("mean_after")),
        lineage=lineage.changes(*rows),
        deciles=summary.pop("deciles") or [],
        **summary,
        largest=moved,
        slices=[],
        notes=[],
    )


def _values(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        "before": before["run_id"],
        "after": after["run_id"],
        "before_date": before["score_date"],
        "after_date": after["score_date"],
    }


def _side(row: dict[str, Any], entities: int, mean: float | None) -> Side:
    if row["rows_scored"] and not entities:
        raise CompareError(
            f"run {row['run_id']} scored {row['rows_scored']} rows, and none of them is left in the database. "
            f"Compare runs that still have their scores: scoring runs {row['job']}"
        )
    return Side(row["run_id"], row["score_date"], row["status"], entities, mean)


def _mean(side: Side) -> str:
    return "none" if side.mean_score is None else f"{side.mean_score:.6g}"
