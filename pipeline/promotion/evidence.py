"""The evidence for a promotion: the last published dates of a job, scored by both versions on the same rows.

Where the version was the job's challenger, its days as such are evidence, too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipeline.challenger import comparison, replay
from pipeline.challenger.comparison import Comparison
from pipeline.challenger.paired_test import WRONG
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError
from pipeline.evaluation.metrics import LabelledScores
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.first_run.evidence import Challenged, JobEvidence
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.promotion import challenged, summary
from pipeline.promotion.watched import Watched
from pipeline.runs import history

# As many dates are looked at, unless a range is named; parts are kept for 30 days unless the job says otherwise.
DATES = 28
# The most that a range may have: each is scored once more.
MOST_DATES = 92

# Dates in a row that could not be compared: the next one could not either.
_GIVE_UP = 3

Between = tuple[date, date]


@dataclass(frozen=True)
class Gathered:
    """What a job's dates gave.

    Attributes:
        job: the job.
        evidence: for the record; None where no date could be compared.
        compared: its replay for a person to read; None where no date could be replayed.
        notes: dates that could not be compared, and why.
    """

    job: Job
    evidence: JobEvidence | None
    compared: Comparison | None
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What the paired tests say; `none` where there is nothing to test."""
        return self.evidence.verdict if self.evidence else "none"


def gather(
    workspace: Workspace,
    job: Job,
    versions: tuple[PinnedVersion, PinnedVersion],
    version: Model,
    between: Between | None = None,
    progress: Callable[[date], None] = lambda score_date: None,
) -> Gathered:
    """Replay a job's published dates with another version, and read what its days as a challenger have said.

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
    beside: Challenged | None = None
    if job.outcomes is None:
        return Gathered(job, None, None, (f"{job.name} has no section [outcomes].",))
    try:
        beside = challenged.read(workspace.predictions, job, versions, WRONG, between)
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
        alone = summary.of_challenger(job, versions[0], beside) if beside else None
        return Gathered(job, alone, None, tuple(notes))
    compared = replay.concluded(version, days, WRONG)
    evidence = summary.of_replay(job, versions[0], compared, watched, beside)
    return Gathered(job, evidence, compared, tuple(notes))


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
