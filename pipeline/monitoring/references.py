"""The reference: what the training data looked like, night by night, kept with the model as profile.json.

Its bytes are pinned in the manifest. A version that was registered without one has its training sample only: bins and
counts are made from that, without nights, and what is compared with it is compared row by row, which is weaker.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.contract.contract import Contract
from pipeline.errors import UsageError
from pipeline.model import files, registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.monitoring import profile
from pipeline.monitoring.profile import SCORE, Bins, Counts, Profile

FILE = "profile.json"

# Fewer nights say too little of what nights are like.
ENOUGH_NIGHTS = 30


@dataclass(frozen=True, eq=False)
class Reference:
    """The profiles of a model's training nights.

    Attributes:
        bins: by column.
        nights: their days in ascending order; none where nobody said which row is of which night.
        counts: by column, of shape (nights, bins), or (1, bins) without nights; the score's only where training gave
            scores of models that had not seen the night.
    """

    bins: Mapping[str, Bins]
    nights: tuple[date, ...]
    counts: Mapping[str, Counts]

    @property
    def pooled(self) -> dict[str, Counts]:
        """All nights together."""
        return {column: counts.sum(axis=0) for column, counts in self.counts.items()}

    @property
    def rows(self) -> Counts:
        """Rows of each night."""
        totals: Counts = next(iter(self.counts.values())).sum(axis=1)
        return totals

    @property
    def by_night(self) -> bool:
        """Whether there are enough nights to know what nights are like."""
        return len(self.nights) >= ENOUGH_NIGHTS

    def content(self) -> bytes:
        """The reference as the bytes that are kept: JSON, with one line a column."""
        nights = json.dumps([night.isoformat() for night in self.nights])
        bins = ",\n    ".join(
            json.dumps(profile.as_json(one), ensure_ascii=False) for one in self.bins.values()
        )
        counts = ",\n    ".join(
            f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(found.tolist(), separators=(',', ':'))}"
            for name, found in self.counts.items()
        )
        text = f'{{\n  "nights": {nights},\n  "bins": [\n    {bins}\n  ],\n  "counts": {{\n    {counts}\n  }}\n}}\n'
        return text.encode()

    @classmethod
    def read(cls, content: bytes) -> Self:
        """The reference from its bytes."""
        said = json.loads(content)
        bins = {one["column"]: profile.from_json(one) for one in said["bins"]}
        counts = {name: np.array(found, np.int64) for name, found in said["counts"].items()}
        return cls(bins, tuple(map(date.fromisoformat, said["nights"])), counts)


def load(pinned: PinnedVersion) -> Reference:
    """The reference of a registered version.

    Raises:
        ModelError: a file of the version is missing or altered.
    """
    expected = pinned.manifest.profile_sha256
    if expected is None:
        rows = pd.read_parquet(io.BytesIO(registry.reference(pinned)))
        return build(rows.set_axis(rows.columns.map(str), axis="columns"), pinned.manifest)
    path = pinned.folder / FILE
    content = files.read_once(path)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f"{path} is not what was registered: its SHA-256 is {found}, the manifest's is {expected}. "
            "Restore it from git."
        )
    return Reference.read(content)


def build(
    rows: pd.DataFrame, manifest: Manifest, night_column: str | None = None, score_column: str | None = None
) -> Reference:
    """Profile training rows night by night.

    Args:
        rows: with every feature, in the dtypes of training; whole nights where there is a night column.
        manifest: of the model that was trained on them.
        night_column: the day that each row belongs to.
        score_column: the score of a model that had not seen the row's night. A score in sample would look too sure.

    Raises:
        UsageError: a column is missing, a day or a score is none, or a score is not finite.
    """
    arrays = _arrays(rows, manifest.contract)
    bins = {column.name: profile.bins_of(column, arrays[column.name]) for column in manifest.columns}
    bins[SCORE] = _score_bins(rows, manifest, score_column)
    if score_column is not None:
        arrays[SCORE] = pa.array(_scores(rows, score_column))
    days = _days(rows, night_column)
    nights = sorted(set(days)) if days is not None else []
    places = (
        [np.flatnonzero(days == night) for night in nights] if days is not None else [np.arange(len(rows))]
    )
    known = {name: one for name, one in bins.items() if name in arrays}
    found = [
        Profile.of(known, {name: values.take(pa.array(place)) for name, values in arrays.items()})
        for place in places
    ]
    counts = {name: np.array([one.counts[name] for one in found]) for name in known}
    return Reference(bins, tuple(nights), counts)


def _arrays(rows: pd.DataFrame, contract: Contract) -> dict[str, pa.Array]:
    missing = [column.name for column in contract.columns if column.name not in rows.columns]
    if missing:
        raise UsageError(
            f"the nights have no column {missing[0]!r}, which the model takes. Write every feature."
        )
    found = {}
    for column in contract.columns:
        values = rows[column.name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype("str").where(values.notna(), None)
        array = pa.array(values, from_pandas=True)
        found[column.name] = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return found


def _score_bins(rows: pd.DataFrame, manifest: Manifest, score_column: str | None) -> Bins:
    """Tenths of the scores; where there are none, twentieths of a probability or tenths of the real results."""
    if score_column is not None:
        return profile.bins_of_numbers(SCORE, pa.array(_scores(rows, score_column)))
    if manifest.task != "regression":
        return Bins(SCORE, "edges", edges=tuple(step / 20 for step in range(1, 20)))
    if manifest.outcome in rows.columns:
        outcomes = pd.to_numeric(rows[manifest.outcome], errors="coerce")
        return profile.bins_of_numbers(SCORE, pa.array(outcomes.to_numpy(np.float64)))
    return Bins(SCORE, "presence")


def _scores(rows: pd.DataFrame, column: str) -> Any:
    if column not in rows.columns:
        raise UsageError(f"no score column {column!r} in the nights: they have {', '.join(rows.columns)}.")
    found = pd.to_numeric(rows[column], errors="coerce").to_numpy(np.float64)
    if not np.isfinite(found).all():
        raise UsageError(
            f"score column {column!r}: row {int(np.argmin(np.isfinite(found)))} has no finite score. Score every row "
            "by a model that was trained without its night."
        )
    return found


def _days(rows: pd.DataFrame, column: str | None) -> Any:
    if column is None:
        return None
    if column not in rows.columns:
        raise UsageError(f"no night column {column!r} in the nights: they have {', '.join(rows.columns)}.")
    found = pd.to_datetime(rows[column], errors="coerce")
    if found.isna().any():
        raise UsageError(
            f"night column {column!r}: row {int(found.isna().to_numpy().argmax())} has no day, such as 2013-01-31."
        )
    return found.dt.date.to_numpy()
