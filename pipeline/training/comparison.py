"""Rows of the reference and rows of the query, compared value by value by their hashes."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# Bits of a float that are compared. The last ones depend on the order in which a database sums.
_BITS = 40

Hashes = npt.NDArray[np.uint64]


@dataclass
class Comparison:
    """The reference's rows of one score date, and which of their values the query gave.

    Attributes:
        day: the score date.
        frame: the rows, as the model gets them.
        entities: the rows' entities, where the reference has them.
        hashes: for each column the hash of every value.
        present: whether the query gave a row: its entity, else a row with the same values.
        same: for each column whether the query gave a row's value: at its entity, else anywhere.
        rows: how many rows the query gave.
    """

    day: date
    frame: pd.DataFrame
    entities: pa.Array | None
    hashes: dict[str, Hashes] = field(init=False)
    present: npt.NDArray[np.bool_] = field(init=False)
    same: dict[str, npt.NDArray[np.bool_]] = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        self.hashes = _hashes(self.frame)
        self.present = np.zeros(len(self.frame), bool)
        self.same = {name: np.zeros(len(self.frame), bool) for name in self.hashes}

    def add(self, frame: pd.DataFrame, entities: pa.Array) -> None:
        """Take rows that the query gave into account."""
        hashes = _hashes(frame)
        if self.entities is None:
            self.present |= np.isin(_of_rows(self.hashes), _of_rows(hashes))
            for name, values in self.hashes.items():
                self.same[name] |= np.isin(values, hashes[name])
            return
        indices = pc.fill_null(pc.index_in(self.entities, entities), -1).to_numpy()
        given = indices >= 0
        self.present |= given
        for name, values in self.hashes.items():
            self.same[name][given] = values[given] == hashes[name][indices[given]]

    @property
    def done(self) -> bool:
        """Whether no further row of the query could change the comparison."""
        return bool(self.present.all())

    def differs(self, name: str) -> npt.NDArray[np.bool_]:
        """Rows whose value in a column is another; without entities every value that the query gave nowhere."""
        differs = ~self.same[name]
        return differs if self.entities is None else self.present & differs


def _hashes(frame: pd.DataFrame) -> dict[str, Hashes]:
    return {str(name): pd.util.hash_array(_plain(values)) for name, values in frame.items()}


def _plain(values: pd.Series) -> npt.NDArray[Any]:
    """Values of one column in a form whose hashes are equal where a model would see the same."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f":
        part, exponent = np.frexp(values.to_numpy(np.float64))
        rounded = np.ldexp(np.round(part * 2.0**_BITS), exponent) + 0.0  # -0.0 becomes 0.0
        return np.where(np.isnan(rounded), np.nan, rounded)
    return values.astype("str").where(values.notna(), "\0").to_numpy(object)


def _of_rows(hashes: dict[str, Hashes]) -> Hashes:
    """One hash for each row."""
    combined = np.zeros(len(next(iter(hashes.values()))), np.uint64)
    for values in hashes.values():
        combined = combined * np.uint64(1_000_003) ^ values
    return combined
