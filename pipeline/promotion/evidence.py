"""The evidence for a promotion: the last published dates of a job, scored by both versions on the same rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import sqlalchemy as sa

from pipeline.challenger import comparison, paired_test, replay
from pipeline.challenger.comparison import Comparison
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError
from pipeline.evaluation.metrics import LabelledScores
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.first_run.evidence import Day, Group, JobEvidence, Paired
from pipeline.monitoring.first_run.movement import Movement
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.promotion.watched import Watched
from pipeline.runs import history

# As many dates are looked at, unless a range is named; parts are kept for 30 days unless the job says otherwise.
DATES = 28
# The most that a range may have: each is scored once more.
MOST_DATES = 92
# How often a verdict may be wrong where neither version is better.
WRONG = 0.05

# Dates in a row that could not be compared: the next one could not either.
_GIVE_UP = 3

Between = tuple[date, date]


@dataclass(frozen=True)
class Gathered:
    """What the replay of a job's dates gave.

    Attributes:
        job: the job.
        evidence: for the record; None where no date could be compared.
        compared: the same for a person to read.
        notes: dates that could not be compared, and why.
    """

    job: Job
    evidence: JobEvidence | None
    compared: Comparison | None
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What the paired test says; `none` where there is nothing to test."""
        return self.evidence.paired.verdict if self.evidence and self.evidence.paired.dates else "none"


def gather(
    workspace: Workspace,
    job: Job,
    versions: tuple[PinnedVersion, PinnedVersion],
    version: Model,
    between: Between | None = None,
    progress: Callable[[date], None] = lambda score_date: None,
) -> Gathered:
    """Replay a job's published dates with another version.

    Args:
        workspace: of the job.
        job: the job.
        versions: the one that the alias names, and the one that it is to name.
        version: the second of them, loaded.
        between: the first and the last score date; else the last published dates that have outcomes.
        progress: is called with each date before it is scored.
    """
    watched = Watched(references.load(versions[1]), job.drift.false_alarm_rate)
    days, notes, failures = list[comparison.Day](), list[str](), 0
    if job.outcomes is None:
        return Gathered(job, None, None, (f"{job.name} has no section [outcomes].",))
    try:
        for score_date in _candidates(workspace, job, versions, between):
            progress(score_date)
            try:
                days.append(_day(workspace, job, version, score_date, watched))
                failures = 0
            except (ScoringError, NothingToDo) as error:
                notes.append(f"{score_date} is not compared: {error}")
                failures += 1
            if failures == _GIVE_UP or (between is None and _counted(days) == DATES):
                break
    except (sa.exc.SQLAlchemyError, OSError) as error:
        notes.append(f"{job.name}: the databases cannot be asked: {str(error).splitlines()[0]}")
    if not any(day.entities for day in days):
        notes.append(f"{job.name}: none of its published dates could be compared.")
        return Gathered(job, None, None, tuple(notes))
    compared = replay.concluded(version, days, WRONG)
    return Gathered(job, _evidence(job, versions[0], compared, watched), compared, tuple(notes))


def _candidates(
    workspace: Workspace, job: Job, versions: tuple[PinnedVersion, PinnedVersion], between: Between | None
) -> Iterator[date]:
    """The dates to try, the newest first; by default none that a version has seen in training."""
    published = history.published(workspace.predictions, job.name, *(between or (date.min, date.max)))
    newest = sorted(published, reverse=True)
    if between is None:
        newest = [day for day in newest if not any(each.manifest.trained_on(day) for each in versions)]
    yield from newest[: MOST_DATES if between else 2 * DATES]


def _day(
    workspace: Workspace, job: Job, version: Model, score_date: date, watched: Watched
) -> comparison.Day:
    def watch(published: PinnedVersion, before: LabelledScores, after: LabelledScores) -> None:
        watched.date(score_date, published, (before, after))

    return replay.day(workspace, job, version, score_date, watch=watch)


def _counted(days: Sequence[comparison.Day]) -> int:
    return sum(day.losses.rows >= LEAST_OUTCOMES and not day.seen for day in days)


def _evidence(job: Job, former: PinnedVersion, compared: Comparison, watched: Watched) -> JobEvidence:
    entities = sum(day.entities for day in compared.days)
    labels = [day for day in compared.days if day.relabelled is not None]
    days = [
        _kept(day, watched.movements[day.score_date])
        for day in compared.days
        if not day.seen and day.version == former.manifest.version and day.score_date in watched.movements
    ]
    return JobEvidence(
        job=job.name,
        loss=compared.loss,
        paired=_paired(compared.together),
        groups=compared.groups,
        losing=tuple(
            Group(column=column, value=value, paired=_paired(paired))
            for (column, value), paired in compared.losing.items()
        ),
        entities=entities,
        decile_moved=short(sum(day.moved * day.entities for day in compared.days) / entities),
        relabelled=short(sum((day.relabelled or 0) * day.entities for day in labels) / entities)
        if labels
        else None,
        former_drift=watched.drift(0),
        version_drift=watched.drift(1),
        unit=short(float(np.median(watched.spreads))) if former.manifest.task == "regression" else 1.0,
        days=tuple(days),
    )


def _kept(day: comparison.Day, movement: Movement) -> Day:
    return Day(
        score_date=day.score_date,
        rows=movement.rows,
        outcomes=day.losses.rows,
        former_loss=short(day.losses.champion),
        version_loss=short(day.losses.challenger),
        level=short(movement.level),
        shift=short(movement.shift),
        squares=short(movement.squares),
        relabelled=short(movement.relabelled),
    )


def _paired(paired: paired_test.Paired) -> Paired:
    return Paired(
        verdict=paired.verdict,
        dates=paired.days,
        mean=short(paired.mean),
        low=None if paired.low is None else short(paired.low),
        high=None if paired.high is None else short(paired.high),
        evidence=short(paired.evidence),
    )


def short(value: float) -> float:
    """A number in six digits: the last bits of a sum depend on the machine, and the record should not."""
    return float(f"{value:.6g}")
