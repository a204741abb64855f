"""Tonight's columns beside those of the model's training nights, as shares by bin, few enough to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import model, references
from pipeline.model import ModelError
from pipeline.references import Reference

# Bars that one can tell apart; the least common bins beyond them are drawn as one.
MOST_BINS = 24
# Normal is what nine training nights in ten do.
_NORMAL = (0.05, 0.95)

Bins = Mapping[str, int]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A column's shares by bin.

    Attributes:
        labels: the bins.
        tonight: their shares of the night's rows.
        reference: their shares of the training rows; None where these are not known.
        band: from which to which share nine of ten training nights lie; None without nights.
    """

    labels: tuple[str, ...]
    tonight: tuple[float, ...]
    reference: tuple[float, ...] | None
    band: tuple[tuple[float, float], ...] | None


def reference_of(home: Path, name: str, version: int) -> Reference | None:
    """What the model saw in training; None where its version is no longer in the store as it was registered."""
    try:
        return references.load(model.resolve(home, name, "", version))
    except ModelError:
        return None


def spread(column: str, tonight: Bins, reference: Reference | None) -> Spread:
    """Hold a column's counts against the reference, where that has the very same bins."""
    labels = tuple(tonight)
    nights = None
    if reference is not None and column in reference.counts and reference.bins[column].labels == labels:
        nights = reference.counts[column]
    counts = np.array([list(tonight.values())], np.int64)
    # What is common tonight or in training: a category that has vanished is to be seen, too.
    common = _shares(counts)[0]
    if nights is not None:
        common = np.maximum(common, _shares(nights.sum(axis=0, keepdims=True))[0])
    order = _common(common)
    shown = _folded_labels(labels, order)
    mine = _shares(_folded(counts, order))[0]
    if nights is None or reference is None:
        return Spread(shown, tuple(mine), None, None)
    pooled = _shares(_folded(nights.sum(axis=0, keepdims=True), order))[0]
    band = None
    if reference.by_night:
        low, high = np.quantile(_shares(_folded(nights, order)), _NORMAL, axis=0)
        band = tuple(zip(low.tolist(), high.tolist(), strict=True))
    return Spread(shown, tuple(mine), tuple(pooled), band)


def _common(shares: Floats) -> npt.NDArray[np.intp]:
    """The places of the bins to draw one by one, in their order."""
    if len(shares) <= MOST_BINS:
        return np.arange(len(shares))
    return np.sort(np.argsort(-shares, kind="stable")[: MOST_BINS - 1])


def _folded(
    counts: npt.NDArray[np.integer[Any]], order: npt.NDArray[np.intp]
) -> npt.NDArray[np.integer[Any]]:
    chosen = counts[:, order]
    if len(order) == counts.shape[1]:
        return chosen
    rest = counts.sum(axis=1, keepdims=True) - chosen.sum(axis=1, keepdims=True)
    return np.hstack([chosen, rest])


def _folded_labels(labels: Sequence[str], order: npt.NDArray[np.intp]) -> tuple[str, ...]:
    rest = len(labels) - len(order)
    chosen = tuple(labels[place] for place in order)
    return (*chosen, f"{rest} others") if rest else chosen


def _shares(counts: npt.NDArray[np.integer[Any]]) -> Floats:
    found: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return found
