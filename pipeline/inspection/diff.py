"""Two runs of a job side by side: which entities came and went, which scores changed and by how much."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.config import loader
from pipeline.config.job import JobError
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.errors import UsageError
from pipeline.inspection import lineage, slices
from pipeline.inspection.lineage import Change
from pipeline.inspection.slices import Slice
from pipeline.runs import archive


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


def compare(places: Workspace, before: int, after: int, *, top: int = 10) -> Diff:
    """Compare two runs of a job, of the same score date or of two; also by the slices that the job file names.

    Args:
        places: folders, store and databases.
        before: the first run's id.
        after: the second run's id.
        top: how many of the largest changes to name.

    Raises:
        LedgerError: a run is not there, or was not scored to its end.
        CompareError: the runs are of two jobs, or the rows of one are gone.
        PartError: a part is altered.
    """
    found = scores(places.predictions, before, after, top=top)
    try:
        columns = loader.find(places.home / "dags", found.job).slices
    except JobError as error:
        return replace(found, notes=[f"no slices: {error}"])
    if not columns:
        return found
    rows = [archive.run(places.predictions, side.run_id) for side in (found.before, found.after)]
    sliced, notes = slices.compare(places.predictions, places.store, rows, _values(*rows), columns)
    return replace(found, slices=sliced, notes=notes)


def with_published(uri: str, run_id: int) -> Diff | None:
    """Compare a held run with the published one that it would replace; None where there is none, or it is not held."""
    with postgres.engine(uri).connect() as connection:
        published = connection.execute(sa.text(_PUBLISHED), {"run_id": run_id}).scalar_one_or_none()
    return scores(uri, published, run_id, top=3) if published is not None else None


def scores(uri: str, before: int, after: int, *, top: int) -> Diff:
    """Compare the scores of two runs of a job, without slices: what the database alone knows.

    Raises:
        LedgerError: a run is not there, or was not scored to its end.
        CompareError: the runs are of two jobs, or the rows of one are gone.
    """
    rows = archive.run(uri, before), archive.run(uri, after)
    if rows[0]["job"] != rows[1]["job"]:
        raise CompareError(
            f"run {before} is of job {rows[0]['job']}, and run {after} of {rows[1]['job']}. Name two runs of one job."
        )
    values = _values(*rows)
    with postgres.engine(uri).connect() as connection:
        # As for the audit: a join of two million rows in memory, and no worker beside it.
        connection.execute(sa.text("SET LOCAL work_mem = '128MB'"))
        connection.execute(sa.text("SET LOCAL max_parallel_workers_per_gather = 0"))
        found = dict(
            connection.execute(sa.text(archive.query("compare/summary.sql")), values).mappings().one()
        )
        largest = connection.execute(sa.text(archive.query("compare/largest.sql")), {**values, "top": top})
        moved = [Moved(**row) for row in largest.mappings()]
    return Diff(
        job=rows[0]["job"],
        before=_side(rows[0], found.pop("entities_before"), found.pop("mean_before")),
        after=_side(rows[1], found.pop("entities_after"), found.pop("mean_after")),
        lineage=lineage.changes(*rows),
        deciles=found.pop("deciles") or [],
        **found,
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
            f"Compare runs that are kept: python -m pipeline runs {row['job']}"
        )
    return Side(row["run_id"], row["score_date"], row["status"], entities, mean)


_PUBLISHED = """
SELECT published.run_id
FROM scoring.scoring_runs AS held JOIN scoring.current_runs AS published USING (job, score_date)
JOIN scoring.scoring_runs AS shown ON shown.run_id = published.run_id
WHERE held.run_id = :run_id AND held.status = 'held' AND (shown.run_id < held.run_id OR shown.served_by <> 'model')
"""
