"""A run's columns beside those of the model's training days, as shares by bin, few enough to be drawn."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.monitoring import references
from pipeline.monitoring.references import Reference

# Bars that one can tell apart; the least common bins beyond them are drawn as one.
MOST_BINS = 24
# Normal is what nine training days in ten do.
_NORMAL = (0.05, 0.95)
# Bins that are there for what is not foreseen; empty ones only take room.
_AT_THE_END = re.compile(r"< |>= |(other|null)$")

Bins = Mapping[str, int]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A column's shares by bin.

    Attributes:
        labels: the bins.
        run: their shares of the run's rows.
        reference: their shares of the training rows; None where there are none.
        band: from which to which share nine of ten training days lie; None without training days.
    """

    labels: tuple[str, ...]
    run: tuple[float, ...]
    reference: tuple[float, ...] | None
    band: tuple[tuple[float, float], ...] | None


def reference_of(home: Path, name: str, version: int) -> Reference | None:
    """The training days of a version; None where it is no longer in the store as it was registered."""
    try:
        return references.load(registry.resolve(home, name, "", version))
    except (ModelError, OSError):
        return None


def spread(column: str, run: Bins, reference: Reference | None) -> Spread:
    """A column's shares beside the reference's, where that has the very same bins."""
    labels = tuple(run)
    counts = np.array([list(run.values())], np.int64)
    days = None
    if reference is not None and column in reference.counts and reference.bins[column].labels == labels:
        days = reference.counts[column]
    # A category that has vanished is to be seen, too: what is common in the run or in training.
    pooled = counts if days is None else days.sum(axis=0, keepdims=True)
    common = np.maximum(_shares(counts), _shares(pooled))[0]
    order = _common(labels, common)
    rest = np.count_nonzero(common) - np.count_nonzero(common[order])
    shown = (*(labels[place] for place in order), *([f"{rest} others"] if rest else []))

    def folded(rows: npt.NDArray[np.integer[Any]]) -> Floats:
        chosen = rows[:, order]
        left = rows.sum(axis=1, keepdims=True) - chosen.sum(axis=1, keepdims=True)
        return _shares(np.hstack([chosen, left]) if rest else chosen)

    if days is None or reference is None:
        return Spread(shown, tuple(folded(counts)[0]), None, None)
    band = None
    if reference.by_day:
        low, high = np.quantile(folded(days), _NORMAL, axis=0)
        band = tuple(zip(low.tolist(), high.tolist(), strict=True))
    return Spread(shown, tuple(folded(counts)[0]), tuple(folded(pooled)[0]), band)


def _common(labels: Sequence[str], shares: Floats) -> npt.NDArray[np.intp]:
    """The places of the bins to draw one by one, in their order."""
    drawn = [place for place, label in enumerate(labels) if shares[place] or not _AT_THE_END.match(label)]
    if len(drawn) <= MOST_BINS:
        return np.array(drawn, np.intp)
    return np.sort(np.argsort(-shares, kind="stable")[: MOST_BINS - 1])


def _shares(counts: npt.NDArray[np.integer[Any]]) -> Floats:
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares
