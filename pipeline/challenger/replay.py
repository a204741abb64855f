"""Scores published dates once more with another version of the model, and compares both with the outcomes.

What the published run was scored on lies in its parts, so nothing is read from the warehouse but the outcomes, and
nothing is written: an answer for weeks that are over, before a version has scored its first night.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.challenger import comparison
from pipeline.challenger.comparison import Comparison, Day, Losses
from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, ContractError
from pipeline.contract.policy import Policy
from pipeline.errors import ScoringError
from pipeline.evaluation import outcomes, scored_sample
from pipeline.evaluation.metrics import LabelledScores
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model import registry, scoring
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.runs import archive
from pipeline.store import parts
from pipeline.store.schemas import SCORE_SCHEMA

# Is called with the version that was published, and with both versions' scores of the same rows.
Watch = Callable[[PinnedVersion, LabelledScores, LabelledScores], None]


class ReplayError(ScoringError):
    """A version that cannot be compared with the one that was published."""


def opened(workspace: Workspace, job: Job, version: int) -> Model:
    """The version of the job's model that is to be replayed, verified.

    Raises:
        ModelError: it is not registered, or is altered.
    """
    return registry.load(registry.resolve(workspace.home, job.model.name, "", version))


def day(
    workspace: Workspace,
    job: Job,
    challenger: Model,
    score_date: date,
    *,
    most: int = outcomes.MAX_ROWS,
    watch: Watch = lambda published, before, after: None,
) -> Day:
    """Score the published run of a date with another version, and compare both with the outcomes.

    Args:
        workspace: folders, store and databases.
        job: with a section `[outcomes]`.
        challenger: another version of the job's model.
        score_date: the day whose rows were scored.
        most: rows to compare; of a larger run a sample is.
        watch: sees the scores themselves.

    Raises:
        NothingToDo: no run of that score date is published.
        ReplayError: the versions predict different things, or the run's parts lack what the challenger takes.
        OutcomeError: the job names no outcomes.
        OutcomesQueryError: the outcomes query lacks a column, or its outcomes are unknown or contradict each other.
        ModelError: the model that scored is missing or altered.
        PartError: a part is missing or altered.
        PredictError: the challenger failed on rows, which are named.
    """
    run, entities = outcomes.published(workspace.predictions, job.name, score_date)
    champion = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    _require_alike(job, champion, challenger)
    sample = scored_sample.read(workspace.predictions, workspace.store, run, entities, job.slices, most)
    again, refused = _rescored(workspace, job, run, challenger, sample)
    both, other = _together(sample, again)
    true = outcomes.true_values(workspace, job, score_date, champion, both).values
    mine = scored_sample.labelled(both, champion.manifest, true)
    theirs = scored_sample.labelled(other, champion.manifest, true)
    watch(champion, mine, theirs)
    has = ~np.isnan(true)
    lost, won = (comparison.row_losses(labelled.where(has)) for labelled in (mine, theirs))
    groups = both.groups.filter(pa.array(has)) if both.groups.column_names else both.groups
    relabelled = None if mine.label is None or not len(mine) else float(np.mean(mine.label != theirs.label))
    return Day(
        score_date=score_date,
        run_id=run["run_id"],
        version=champion.manifest.version,
        entities=len(both.rows),
        refused=refused,
        losses=Losses(int(has.sum()), *(float(each.mean()) if len(each) else 0.0 for each in (lost, won))),
        groups=comparison.by_group(groups, lost, won),
        moved=comparison.moved(mine.score, theirs.score),
        relabelled=relabelled,
        seen=any(manifest.trained_on(score_date) for manifest in (champion.manifest, challenger.manifest)),
    )


def concluded(challenger: Model, days: Sequence[Day], rate: float) -> Comparison:
    """What the dates of a replay say together.

    Args:
        challenger: the version that was replayed.
        days: its dates.
        rate: how often a verdict may be wrong where neither version is better.
    """
    manifest, ordered = challenger.manifest, sorted(days, key=lambda day: day.score_date)
    return Comparison(
        manifest.name,
        manifest.version,
        "squared_error" if manifest.task == "regression" else "log_loss",
        ordered,
        *comparison.judge(ordered, LEAST_OUTCOMES, rate),
    )


def _require_alike(job: Job, champion: PinnedVersion, challenger: Model) -> None:
    """Refuse versions whose scores are no answer to the same question."""
    mine, other = champion.manifest, challenger.manifest
    for what, value, its in (("task", mine.task, other.task), ("classes", mine.classes, other.classes)):
        if value != its:
            raise ReplayError(
                f"{job.name}: {other.label} has {what} {its!r}, and the published {mine.label} {value!r}, so their "
                "scores cannot be compared. Register it as a model of its own."
            )


def _rescored(
    workspace: Workspace, job: Job, run: Mapping[str, Any], challenger: Model, sample: ScoredSample
) -> tuple[pa.Table, int]:
    """The challenger's scores of the sample's entities, and how many of their rows its contract rejects."""
    manifest = challenger.manifest
    end = dates.interval(run["score_date"], job.zone)[1].astimezone(job.zone)
    checker = Checker(manifest.contract, Policy.of(job, manifest.contract, manifest.label), end)
    wanted = sample.rows[ENTITY].combine_chunks() if sample.weight > 1 else None
    scores, refused = [], 0
    for part in archive.parts_of(run):
        for batch in parts.read(workspace.store, part.input.path, part.input):
            _require_columns(run, checker, batch, manifest.label)
            rows = batch if wanted is None else batch.filter(pc.is_in(batch.column(ENTITY), wanted))
            checked = checker.check(rows)
            refused += checked.rejected_rows
            if checked.accepted.num_rows:
                scores.append(scoring.score_batch(challenger, checked.accepted))
    return pa.Table.from_batches(scores, SCORE_SCHEMA), refused


def _require_columns(run: Mapping[str, Any], checker: Checker, batch: pa.RecordBatch, label: str) -> None:
    try:
        checker.schema(batch.schema, f"the parts of run {run['run_id']}")
    except ContractError as error:
        raise ReplayError(
            f"{error} A run keeps the columns of the version that scored it, so {label} cannot be replayed on it. "
            f"Try it alone: scoring score {run['job']} {run['score_date']} --model-version N --dry-run"
        ) from error


def _together(sample: ScoredSample, again: pa.Table) -> tuple[ScoredSample, ScoredSample]:
    """The entities that both have scored, in one order: as the one scored them, and as the other."""
    places = pc.index_in(sample.rows[ENTITY].combine_chunks(), again[ENTITY].combine_chunks())
    both = pc.is_valid(places)
    groups = sample.groups.filter(both) if sample.groups.column_names else sample.groups
    mine = ScoredSample(sample.rows.filter(both), groups, sample.weight, sample.notes)
    return mine, ScoredSample(again.take(places.filter(both)), groups, sample.weight, sample.notes)
