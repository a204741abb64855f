"""A run looked at slice by slice, for its metrics, its findings and its page."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.config.sections import GateSection
from pipeline.monitoring.calibration import Distance
from pipeline.monitoring.pooled import looks
from pipeline.monitoring.pooled.windows import PooledRuns
from pipeline.monitoring.profile import SCORE
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced import rule
from pipeline.monitoring.sliced.grid import Grid, SliceCounts
from pipeline.monitoring.sliced.rule import SliceDistance
from pipeline.payloads import Finding

# A message names so many, and metrics are kept of so many.
NAMED = 5
_KEPT = 20


@dataclass(frozen=True)
class SlicedRun:
    """What a run looked like within the slices of its job.

    Attributes:
        distances: of each value and column, the most unusual first.
        looked_at: the slices that were.
        without: those of which the version has no counts, or too few days.
    """

    distances: tuple[SliceDistance, ...] = ()
    looked_at: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """Metrics of the run as a whole; none of a job without slices."""
        metrics: dict[str, float] = {}
        if self.looked_at or self.without:
            metrics["slices_without_counts"] = len(self.without)
        if self.distances:
            metrics["slices_unusualness"] = self.distances[0].unusualness
        return metrics

    def features(self, feature: str) -> dict[str, float]:
        """Metrics of one feature: of the values in which it is most unusual."""
        metrics = {}
        for each in self.distances[:_KEPT]:
            if each.column == feature and each.unusual:
                value = f"{each.sliced}={each.value}".replace("\0", "\\x00")
                metrics[f"slice_psi:{value}"] = each.psi
                metrics[f"slice_unusualness:{value}"] = each.unusualness
        return metrics

    def findings(self, gate: GateSection) -> tuple[Finding, ...]:
        """What is unusual, as one finding."""
        beyond = [each for each in self.distances if each.unusual]
        if not beyond:
            return ()
        named = "; ".join(map(_in_words, beyond[:NAMED]))
        more = f"; and {len(beyond) - NAMED} more" if len(beyond) > NAMED else ""
        message = f"unusual in single slices: {named}{more}"
        return (Finding(check="slice_drift", action=gate.drift, message=message),)


def grid_of(reference: Reference, slices: Collection[str]) -> Grid:
    """What is counted of a run: of the job's slices those that can be looked at."""
    return reference.slices.grid.of(slices if rule.enough(reference) else ())


def look(
    reference: Reference,
    slices: Sequence[str],
    counts: SliceCounts,
    rate: float,
    whole: tuple[Sequence[Distance], Sequence[PooledRuns]],
) -> SlicedRun:
    """Look at a run's slices, as far as its model's version has counts of them.

    Args:
        reference: the training days.
        slices: the job's.
        counts: the run's, over `grid_of` these slices.
        rate: share of ordinary days on which anything at all is unusual by chance, in any look.
        whole: how far the run is as a whole, and what it was pooled with.
    """
    distances, pooled = whole
    without = tuple(name for name in slices if name not in counts)
    if not counts or not distances:
        return SlicedRun(looked_at=tuple(counts), without=without)
    rates = (
        looks.rate_alone(reference, rate, pooled, besides=1),
        looks.rate_of_each(reference, rate, pooled, besides=1),
    )
    unusual = {each.column for each in distances if each.runs == 1 and each.unusual}
    return SlicedRun(rule.distances(reference, counts, rates, unusual), tuple(counts), without)


def on_page(metrics: Mapping[str, float]) -> Iterator[str]:
    """What is said of a run's slices on its page: how far the farthest is, and which were not looked at, and why."""
    if (farthest := metrics.get("slices_unusualness")) is not None:
        yield f"Within the job's slices the farthest value and feature is at {farthest:.2f} times the limit."
    if without := metrics.get("slices_without_counts"):
        yield (
            f"{without:.0f} of the job's slices {'is' if without == 1 else 'are'} not looked at one by one: the "
            f"version has no counts per slice, or fewer than {rule.ENOUGH} training days."
        )


def not_looked_at(reference: Reference, slices: Sequence[str]) -> str:
    """Which of a job's slices will not be looked at, and what to do about it; empty where all will."""
    without = [name for name in slices if name not in grid_of(reference, slices).values]
    if not without:
        return ""
    remedy = (
        "this version has no counts per slice: register it again with "
        f"{' '.join(f'--slice {name}' for name in without)}"
    )
    few = f"that takes {rule.ENOUGH} training days, and the version has {len(reference.training_days)}"
    return f"; drift is not looked at within {', '.join(without)}, as {remedy if rule.enough(reference) else few}"


def _in_words(distance: SliceDistance) -> str:
    name = "the score" if distance.column == SCORE else distance.column
    where = f"{distance.sliced} = {distance.value}: {name}"
    usual = f"the farthest of {distance.days} training days had {distance.farthest:.2f}"
    return f"{where}: PSI {distance.psi:.2f}, above {max(distance.limit, 0):.2f}; {usual}"
