"""How good a candidate is: its out-of-fold scores beside baselines, and beside the champion where that is fair.

A candidate's fold has seen score dates after the ones that it is tested on. The champion has not: so what stands here
flatters the candidate a little, and is no verdict. `replay` gives one, on dates after the candidate's window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, SCORE_DATE
from pipeline.contract.policy import Policy
from pipeline.errors import ScoringError
from pipeline.evaluation import metrics, scored_sample
from pipeline.evaluation.baselines import baselines
from pipeline.evaluation.metrics import LabelledScores
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model import outcome_values, registry, scoring
from pipeline.model.loaded_model import Floats, Model
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.store.schemas import SCORE_SCHEMA

Figures = dict[str, Any]


@dataclass(frozen=True)
class Tested:
    """The rows that a candidate was tested on.

    Attributes:
        table: the training rows, with the outcome.
        days: the score date of each.
        labelled: its out-of-fold scores; the outcome is NaN where there is none.
    """

    table: pa.Table
    days: npt.NDArray[Any]
    labelled: LabelledScores


def tested(table: pa.Table, scores: pa.Table, manifest: Manifest) -> Tested:
    """A candidate's out-of-fold scores, with their outcomes.

    Args:
        table: the training rows, with the outcome.
        scores: in the same order, a column for each class, or one of values.
        manifest: of the candidate.
    """
    values = np.column_stack([column.to_numpy() for column in scores.columns])
    outcome = outcome_values.read(
        table[manifest.outcome].combine_chunks(),
        manifest,
        "the training rows",
        table[ENTITY].combine_chunks(),
    )
    days = table[SCORE_DATE].to_numpy().astype("datetime64[D]")
    return Tested(table, days, _labelled(values, outcome, manifest))


def figures(job: Job, candidate: PinnedVersion, champion: PinnedVersion | None, rows: Tested) -> Figures:
    """What is kept of a candidate's evaluation.

    Args:
        job: whose slices make the groups of a baseline.
        candidate: the candidate.
        champion: the version that the job scores with, if any.
        rows: those that the candidate was tested on.

    Raises:
        ModelError: the candidate's reference is missing.
    """
    has = ~np.isnan(rows.labelled.outcome)
    known = rows.labelled.where(has)
    slices = [name for name in job.slices if name in rows.table.column_names]
    groups = pa.table({name: pc.cast(_plain(rows.table[name]), pa.string()).filter(has) for name in slices})
    others = baselines(candidate, known, groups)
    return {
        "rows": int(has.sum()),
        "dates": len(np.unique(rows.days[has])),
        "candidate": _finite(metrics.losses(known)),
        **{name: _finite(metrics.losses(each)) for name, each in others.items()},
        **_beside(job, champion, candidate.manifest, rows),
    }


def _beside(job: Job, champion: PinnedVersion | None, manifest: Manifest, rows: Tested) -> Figures:
    """The champion's figures on dates that it was not trained on, and the candidate's on the same rows; or why not."""
    if champion is None:
        return {"champion_note": f"The model {job.model.name} has no version yet."}
    label, theirs = champion.manifest.label, champion.manifest
    if (theirs.task, theirs.classes) != (manifest.task, manifest.classes):
        pair = f"{label} predicts {_meant(theirs)}, and the candidate {_meant(manifest)}"
        return {"champion_note": f"{pair}: nothing can be compared."}
    days: list[date] = [day.astype(date) for day in np.unique(rows.days)]
    unseen = [day for day in days if theirs.trained_on(day) is False]
    if not unseen:
        why = "nobody knows what it" if theirs.trained_on(days[0]) is None else "it"
        return {
            "champion_note": f"{label} is left out: {why} was trained on, of these dates, or on all of them."
        }
    try:
        places, scored = _champion_scores(job, registry.load(champion), rows, unseen)
    except ScoringError as error:
        return {"champion_note": f"{label} could not score these rows: {error}"}
    if not len(places):
        return {"champion_note": f"{label} accepts none of these rows."}
    mine = rows.labelled.where(places)
    theirs_labelled = scored_sample.labelled(
        ScoredSample(scored, pa.table({}), 1.0, ()), theirs, mine.outcome
    )
    return {
        "beside_champion": {
            "version": theirs.version,
            "dates": len(unseen),
            "rows": len(places),
            "candidate": _finite(metrics.losses(mine)),
            "champion": _finite(metrics.losses(theirs_labelled)),
        }
    }


def _meant(manifest: Manifest) -> str:
    return f"the classes {', '.join(manifest.classes)}" if manifest.classes else "numbers"


def _champion_scores(
    job: Job, champion: Model, rows: Tested, unseen: list[date]
) -> tuple[npt.NDArray[np.int64], pa.Table]:
    """The rows with an outcome that the champion accepts on these dates, by their places, and its scores of them."""
    places, scores = [np.empty(0, np.int64)], [pa.Table.from_pylist([], SCORE_SCHEMA)]
    for day in unseen:
        chosen = np.flatnonzero((rows.days == np.datetime64(day)) & ~np.isnan(rows.labelled.outcome))
        scored = pa.Table.from_batches(
            _scored(job, champion, day, rows.table.take(pa.array(chosen))), SCORE_SCHEMA
        )
        entities = pc.cast(_plain(rows.table[ENTITY].take(pa.array(chosen))), pa.string())
        where = pc.index_in(scored[ENTITY].combine_chunks(), entities).to_numpy()
        places.append(chosen[where])
        scores.append(scored)
    return np.concatenate(places), pa.concat_tables(scores)


def _scored(job: Job, champion: Model, day: date, rows: pa.Table) -> Iterator[pa.RecordBatch]:
    manifest = champion.manifest
    end = dates.interval(day, job.zone)[1].astimezone(job.zone)
    checker = Checker(manifest.contract, Policy.of(job, manifest.contract, manifest.label), end)
    checker.schema(rows.schema, "the training rows")
    for batch in rows.combine_chunks().to_batches():
        if (accepted := checker.check(batch).accepted).num_rows:
            yield scoring.score_batch(champion, accepted)


def _labelled(values: Floats, outcome: Floats, manifest: Manifest) -> LabelledScores:
    if manifest.task == "regression":
        return LabelledScores("regression", (), outcome, values[:, 0], None, None)
    if manifest.task == "binary":
        threshold = 0.5 if manifest.threshold is None else manifest.threshold
        called = (values[:, 1] >= threshold).astype(np.int64)
        return LabelledScores("binary", manifest.classes, outcome, values[:, 1], called, None)
    return LabelledScores(
        "multiclass", manifest.classes, outcome, values.max(axis=1), values.argmax(axis=1), values
    )


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if np.isfinite(value)}
