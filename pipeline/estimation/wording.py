"""The estimate of a run in a sentence: what it is read off, or why there is none."""

from collections.abc import Mapping

from pipeline.estimation.expectation import METRICS
from pipeline.estimation.intervals import COVERAGE, LEAST_DAYS


def sentence(metrics: Mapping[str, float]) -> str | None:
    """What a run's metrics say of its estimate; None where none was made.

    Args:
        metrics: of the run, by name.
    """
    if "estimate_defined" in metrics:
        return "No estimate before outcomes: it is defined for binary models alone."
    if "estimate_runs" not in metrics:
        return None
    runs = f"{metrics['estimate_runs']:.0f} measured run{'s' if metrics['estimate_runs'] != 1 else ''}"
    if any(f"estimated_{metric}" in metrics for metric in METRICS):
        return (
            f"Estimated from {runs} of this version, before the outcomes of this one were known. "
            f"Each interval holds what is measured later for {COVERAGE:.0%} of runs, as long as scores mean what "
            "they meant on those."
        )
    return f"The estimate is withheld: {runs} of this version, and {LEAST_DAYS} are needed."
