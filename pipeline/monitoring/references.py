"""The reference: what the training data looked like, day by day, kept with the model as profile.json.

Its bytes are pinned in the manifest. A version that was registered without one has its training sample only: bins and
counts are made from that, without days, and what is compared with it is compared row by row, which is weaker.
"""

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.contract.contract import Contract
from pipeline.errors import UsageError
from pipeline.model import content, registry
from pipeline.model.manifest import PROFILE, Manifest, PinnedVersion
from pipeline.monitoring import bins as binning
from pipeline.monitoring.bins import Bins, Counts
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.sliced import sliced_days
from pipeline.monitoring.sliced.sliced_days import SlicedDays

# Fewer days say too little of what days are like.
ENOUGH_DAYS = 30
LEAST_OUTCOMES = 30  # of a day that says how good the scores were


@dataclass(frozen=True, eq=False)
class Reference:
    """The profiles of a model's training days.

    Attributes:
        bins: by column.
        training_days: in ascending order; none where the rows were registered without a day.
        counts: by column, of shape (days, bins), or (1, bins) without days; the score's only where training gave
            scores of models that had not seen the day.
        losses: by training day, the share of the base rate's loss that those scores left; none where it is unknown.
        slices: the same by value of the slices that the version was registered with; of none before.
    """

    bins: Mapping[str, Bins]
    training_days: tuple[date, ...]
    counts: Mapping[str, Counts]
    losses: Mapping[date, float] = field(default_factory=dict)
    slices: SlicedDays = sliced_days.NOTHING

    @property
    def pooled(self) -> dict[str, Counts]:
        """All days together."""
        return {column: counts.sum(axis=0) for column, counts in self.counts.items()}

    @property
    def rows(self) -> Counts:
        """Rows of each day."""
        totals: Counts = next(iter(self.counts.values())).sum(axis=1)
        return totals

    @property
    def by_day(self) -> bool:
        """Whether there are enough days to know what days are like."""
        return len(self.training_days) >= ENOUGH_DAYS

    def content(self) -> bytes:
        """The reference as the bytes that are kept: JSON, with one line a column."""
        days = json.dumps([day.isoformat() for day in self.training_days])
        bins = ",\n    ".join(
            json.dumps(binning.as_json(each), ensure_ascii=False) for each in self.bins.values()
        )
        counts = ",\n    ".join(
            f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(rows.tolist(), separators=(',', ':'))}"
            for name, rows in self.counts.items()
        )
        text = f'{{\n  "nights": {days},\n  "bins": [\n    {bins}\n  ],\n  "counts": {{\n    {counts}\n  }}'
        losses = {day.isoformat(): round(loss, 6) for day, loss in sorted(self.losses.items())}
        text += f',\n  "losses": {json.dumps(losses)}' if losses else ""
        text += f',\n  "slices": {self.slices.content()}' if self.slices.packed else ""
        return f"{text}\n}}\n".encode()

    @classmethod
    def read(cls, text: bytes) -> Self:
        """The reference from its bytes."""
        document = json.loads(text)
        bins = {each["column"]: binning.from_json(each) for each in document["bins"]}
        counts = {name: np.array(rows, np.int64) for name, rows in document["counts"].items()}
        losses = {date.fromisoformat(day): loss for day, loss in document.get("losses", {}).items()}
        slices = SlicedDays.read(document["slices"]) if "slices" in document else sliced_days.NOTHING
        return cls(bins, tuple(map(date.fromisoformat, document["nights"])), counts, losses, slices)


def load(pinned: PinnedVersion) -> Reference:
    """The reference of a registered version.

    Raises:
        ModelError: a file of the version is missing or altered.
    """
    if pinned.manifest.profile_sha256 is None:
        rows = pd.read_parquet(io.BytesIO(registry.reference(pinned)))
        return build(rows.set_axis(rows.columns.map(str), axis="columns"), pinned.manifest)
    return Reference.read(content.read(pinned, PROFILE))


def build(
    rows: pd.DataFrame,
    manifest: Manifest,
    night_column: str | None = None,
    score_column: str | None = None,
    slices: Collection[str] = (),
) -> Reference:
    """Profile training rows day by day.

    Args:
        rows: with every feature, in the dtypes of training; whole days where there is a day column.
        manifest: of the model that was trained on them.
        night_column: the day that each row belongs to.
        score_column: the score of a model that had not seen the row's day. A score in sample would look too sure.
        slices: features whose values are counted one by one, where there is a day column.

    Raises:
        UsageError: a column is missing, a day or a score is none, or a score is not finite.
    """
    arrays = _arrays(rows, manifest.contract)
    bins = {column.name: binning.for_column(column, arrays[column.name]) for column in manifest.columns}
    bins[SCORE] = _score_bins(rows, manifest, score_column)
    if score_column is not None:
        arrays[SCORE] = pa.array(_scores(rows, score_column))
    days = _days(rows, night_column)
    training_days = sorted(set(days)) if days is not None else []
    places = (
        [np.flatnonzero(days == day) for day in training_days] if days is not None else [np.arange(len(rows))]
    )
    counted = {name: each for name, each in bins.items() if name in arrays}
    profiles = [
        Profile.of(counted, {name: values.take(pa.array(place)) for name, values in arrays.items()})
        for place in places
    ]
    counts = {name: np.array([profile.counts[name] for profile in profiles]) for name in counted}
    whole = Reference(bins, tuple(training_days), counts)
    return replace(whole, slices=SlicedDays.of(slices, bins, whole.pooled, arrays, places))


def _arrays(rows: pd.DataFrame, contract: Contract) -> dict[str, pa.Array]:
    missing = [column.name for column in contract.columns if column.name not in rows.columns]
    if missing:
        raise UsageError(
            f"the training days have no column {missing[0]!r}, which the model takes. Write every feature."
        )
    arrays = {}
    for column in contract.columns:
        values = rows[column.name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype("str").where(values.notna(), None)
        array = pa.array(values, from_pandas=True)
        arrays[column.name] = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return arrays


def _score_bins(rows: pd.DataFrame, manifest: Manifest, score_column: str | None) -> Bins:
    """Tenths of the scores; where there are none, twentieths of a probability or tenths of the outcomes."""
    if score_column is not None:
        return binning.for_numbers(SCORE, pa.array(_scores(rows, score_column)))
    if manifest.task != "regression":
        return Bins(SCORE, "edges", edges=tuple(step / 20 for step in range(1, 20)))
    if manifest.outcome in rows.columns:
        outcomes = pd.to_numeric(rows[manifest.outcome], errors="coerce")
        return binning.for_numbers(SCORE, pa.array(outcomes.to_numpy(np.float64)))
    return Bins(SCORE, "presence")


def _scores(rows: pd.DataFrame, column: str) -> Any:
    if column not in rows.columns:
        raise UsageError(
            f"no score column {column!r} in the training days: they have {', '.join(rows.columns)}."
        )
    scores = pd.to_numeric(rows[column], errors="coerce").to_numpy(np.float64)
    if not np.isfinite(scores).all():
        raise UsageError(
            f"score column {column!r}: row {int(np.argmin(np.isfinite(scores)))} has no finite score. Score every row "
            "by a model that was trained without its day."
        )
    return scores


def _days(rows: pd.DataFrame, column: str | None) -> Any:
    if column is None:
        return None
    if column not in rows.columns:
        raise UsageError(
            f"no day column {column!r} in the training days: they have {', '.join(rows.columns)}."
        )
    days = pd.to_datetime(rows[column], errors="coerce")
    if days.isna().any():
        raise UsageError(
            f"day column {column!r}: row {int(days.isna().to_numpy().argmax())} has no day, such as 2013-01-31."
        )
    return days.dt.date.to_numpy()
