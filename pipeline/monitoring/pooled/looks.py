"""All looks at a run, together at one rate of false alarms: by itself, and pooled with the last published runs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from pipeline.monitoring import drift
from pipeline.monitoring.calibration import VOLUME, Distance
from pipeline.monitoring.day_over_day import PreviousRun
from pipeline.monitoring.pooled import windows
from pipeline.monitoring.pooled.windows import PooledRuns
from pipeline.monitoring.profile import Profile
from pipeline.monitoring.references import Reference

# What each other look has of the rate, and what all of them have at most; the run by itself has the rest.
SHARE, SHARES = 0.1, 0.2


def distances(
    reference: Reference,
    profile: Profile,
    score_date: date,
    rate: float,
    previous: PreviousRun | None = None,
    pooled: Sequence[PooledRuns] = (),
    besides: int = 0,
) -> tuple[Distance, ...]:
    """How far a run is from its model's training days, by itself and with the runs before; the most unusual first.

    Args:
        reference: the training days.
        profile: the run's.
        score_date: the run's.
        rate: share of days like the training's on which anything at all is unusual by chance, in any look.
        previous: the run of the last score date before.
        pooled: published runs before, one fewer than each look has.
        besides: how many looks are taken that are none of these.

    Returns:
        nothing for a run without rows.
    """
    looks = _taken(reference, pooled)
    alone = rate_alone(reference, rate, pooled, besides)
    each_rate = rate_of_each(reference, rate, pooled, besides)
    single = drift.distances(reference, profile, score_date, alone, previous)
    unusual = {distance.column for distance in single if distance.unusual}
    every = list(single)
    for runs in looks if single else ():
        training = windows.of(reference, runs.size + 1, alone)
        if training is not None:
            together = _with(runs, profile, score_date, unusual)
            every += windows.distances(reference, together, training, training.limit(each_rate))
    return tuple(sorted(every, key=lambda distance: -distance.unusualness))


def rate_alone(
    reference: Reference, rate: float, pooled: Sequence[PooledRuns] = (), besides: int = 0
) -> float:
    """What the run by itself has of the rate."""
    return rate - (len(_taken(reference, pooled)) + besides) * rate_of_each(reference, rate, pooled, besides)


def rate_of_each(
    reference: Reference, rate: float, pooled: Sequence[PooledRuns] = (), besides: int = 0
) -> float:
    """What each other look has of it."""
    return rate * min(SHARE, SHARES / max(len(_taken(reference, pooled)) + besides, 1))


def _taken(reference: Reference, pooled: Sequence[PooledRuns]) -> list[PooledRuns]:
    return [runs for runs in pooled if windows.enough(reference, runs.size + 1)]


def withheld(reference: Reference, runs: float | None) -> Iterator[str]:
    """Which looks were not taken, and why, as sentences.

    Args:
        reference: the training days.
        runs: how many published runs there were, the run itself with them; None where nobody counted them.
    """
    days = len(reference.training_days)
    for size in windows.SIZES if reference.by_day else ():
        if not windows.enough(reference, size):
            yield (
                f"The last {size} runs are not looked at together: that takes {windows.ENOUGH * size} training days, "
                f"and the model has {days}."
            )
        elif runs is not None and runs < size:
            yield (
                f"The last {size} runs are looked at together once the model has as many that are published; "
                f"with this one it has {runs:.0f}."
            )


def _with(runs: PooledRuns, profile: Profile, score_date: date, unusual: set[str]) -> PooledRuns:
    """The runs before, and this one in whatever it is not unusual by itself."""
    usual = [name for name in runs.counts if name not in unusual]
    return replace(
        runs,
        size=runs.size + 1,
        counts={**runs.counts, **{name: runs.counts[name] + profile.counts[name] for name in usual}},
        runs={**runs.runs, **{name: runs.runs[name] + 1 for name in usual}},
        rows={**runs.rows, **({} if VOLUME in unusual else {score_date: profile.rows})},
    )
