"""Tonight's columns beside those of the model's training nights, as shares by bin, few enough to be drawn."""

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
# Normal is what nine training nights in ten do.
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
        return references.load(registry.resolve(home, name, "", version))
    except ModelError:
        return None


def spread(column: str, tonight: Bins, reference: Reference | None) -> Spread:
    """Hold a column's counts against the reference, where that has the very same bins."""
    labels = tuple(tonight)
    mine = np.array([list(tonight.values())], np.int64)
    nights = None
    if reference is not None and column in reference.counts and reference.bins[column].labels == labels:
        nights = reference.counts[column]
    # A category that has vanished is to be seen, too: what is common tonight or in training.
    pooled = mine if nights is None else nights.sum(axis=0, keepdims=True)
    common = np.maximum(_shares(mine), _shares(pooled))[0]
    order = _common(labels, common)
    rest = np.count_nonzero(common) - np.count_nonzero(common[order])
    shown = (*(labels[place] for place in order), *([f"{rest} others"] if rest else []))

    def folded(counts: npt.NDArray[np.integer[Any]]) -> Floats:
        chosen = counts[:, order]
        left = counts.sum(axis=1, keepdims=True) - chosen.sum(axis=1, keepdims=True)
        return _shares(np.hstack([chosen, left]) if rest else chosen)

    if nights is None or reference is None:
        return Spread(shown, tuple(folded(mine)[0]), None, None)
    band = None
    if reference.by_day:
        low, high = np.quantile(folded(nights), _NORMAL, axis=0)
        band = tuple(zip(low.tolist(), high.tolist(), strict=True))
    return Spread(shown, tuple(folded(mine)[0]), tuple(folded(pooled)[0]), band)


def _common(labels: Sequence[str], shares: Floats) -> npt.NDArray[np.intp]:
    """The places of the bins to draw one by one, in their order."""
    drawn = [place for place, label in enumerate(labels) if shares[place] or not _AT_THE_END.match(label)]
    if len(drawn) <= MOST_BINS:
        return np.array(drawn, np.intp)
    return np.sort(np.argsort(-shares, kind="stable")[: MOST_BINS - 1])


def _shares(counts: npt.NDArray[np.integer[Any]]) -> Floats:
    found: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return found
