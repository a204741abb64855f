"""A job's evidence as it is kept: numbers in six digits, of a replay and of the days as a challenger."""

import numpy as np

from pipeline.challenger import comparison, paired_test
from pipeline.challenger.comparison import Comparison
from pipeline.config.job import Job
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run.evidence import Challenged, Day, Drift, Group, JobEvidence, Paired
from pipeline.monitoring.first_run.movement import Movement
from pipeline.promotion.watched import Watched

_NO_DATE = paired_test.Paired(0, 0.0, None, None, 0.0, "undecided")
_UNSEEN = Drift(unusual=0, of=0)


def of_replay(
    job: Job, former: PinnedVersion, compared: Comparison, watched: Watched, challenged: Challenged | None
) -> JobEvidence:
    """The evidence of a job whose dates were replayed.

    Args:
        job: the job.
        former: the version that the alias names.
        compared: the replay, of one entity or more.
        watched: what was seen of the scores meanwhile.
        challenged: what is known of the version as a challenger.
    """
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
        paired=paired(compared.together),
        challenger=challenged,
        groups=compared.groups,
        losing=tuple(
            Group(column=column, value=value, paired=paired(each))
            for (column, value), each in compared.losing.items()
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


def of_challenger(job: Job, former: PinnedVersion, challenged: Challenged) -> JobEvidence:
    """The evidence of a job none of whose dates can be replayed: how far scores move, nothing says."""
    return JobEvidence(
        job=job.name,
        loss=comparison.loss_of(former.manifest.task),
        paired=paired(_NO_DATE),
        challenger=challenged,
        groups=0,
        losing=(),
        entities=0,
        decile_moved=0.0,
        relabelled=None,
        former_drift=_UNSEEN,
        version_drift=_UNSEEN,
        unit=1.0,
        days=(),
    )


def paired(test: paired_test.Paired) -> Paired:
    """A test as it is kept."""
    return Paired(
        verdict=test.verdict,
        dates=test.days,
        mean=short(test.mean),
        low=None if test.low is None else short(test.low),
        high=None if test.high is None else short(test.high),
        evidence=short(test.evidence),
    )


def short(value: float) -> float:
    """A number in six digits: the last bits of a sum depend on the machine, and the record should not."""
    return float(f"{value:.6g}")


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
