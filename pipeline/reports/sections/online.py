"""What the API was asked on a run's score date, beside the run: how far either is from the training days."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.monitoring import drift
from pipeline.monitoring.references import Reference
from pipeline.reports.queries import Record, Row

# As many features are shown, those first that are farthest online.
_MOST = 20


@dataclass(frozen=True)
class Line:
    """A column, and its distances (PSI) to the training days, of the run and online; None where it is unknown."""

    name: str
    night: float | None
    online: float | None


@dataclass(frozen=True)
class Online:
    """The section of a report.

    Attributes:
        scored: rows that were scored online.
        rejected: column, rule and how many rows broke it.
        lines: the score, and the features that are farthest.
    """

    scored: int
    rejected: list[Row]
    lines: list[Line]


def section(record: Record, reference: Reference | None) -> Online | None:
    """The section of a run's report; None where the API was asked nothing on its score date."""
    online = record.online
    if not online.profiles and not online.rejected:
        return None
    scored = max((sum(bins.values()) for bins in online.profiles.values()), default=0)
    lines = [
        Line(
            name or "score",
            _distance(name, record.profiles.get(name, {}), reference),
            _distance(name, bins, reference),
        )
        for name, bins in online.profiles.items()
        if scored
    ]
    lines.sort(key=lambda line: (line.name != "score", -(line.online or 0.0), line.name))
    return Online(scored, list(online.rejected), lines[: 1 + _MOST])


def _distance(column: str, bins: Mapping[str, int], reference: Reference | None) -> float | None:
    """A column's PSI to all training days together; None without them, or where the bins are others."""
    if reference is None or column not in reference.counts or reference.bins[column].labels != tuple(bins):
        return None
    return float(drift.psi(np.array(list(bins.values())), reference.pooled[column]))
