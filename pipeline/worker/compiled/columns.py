"""What becomes of a column on its way to a model's trees: its values themselves, or what a table has for each text."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.worker.compiled.trees import Numbers
from pipeline.worker.frames import Column

_TEXTS = ("category", "object", "str", "string")
# A number comes to the trees as it is, or needs a frame: no table could hold all of them.
_NUMBERS = (0.0, -0.0, 1.0, -3.0, 0.1, 1e-310, 2.0**31 - 1, 2.0**53 + 2, -1e30, 1e30)
_UNKNOWN = "no category"
_MOST_VALUES = 10_000


class NeedsFrameError(Exception):
    """A model that takes frames alone."""


@dataclass(frozen=True)
class Way:
    """What becomes of a column.

    Attributes:
        probes: the values that were asked for; the last of a text's may stand for all others.
        places: the columns of the trees' matrix that depend on it.
        table: for each probe of a text what stands in these places; None for numbers, which stand there themselves.
        missing: what stands there for a number that is missing.
        takes_unknown: whether a text may be none of the probes.
    """

    probes: pa.Array
    places: Numbers
    table: Numbers | None
    missing: float
    takes_unknown: bool

    def put(self, values: pa.Array, matrix: Numbers) -> bool:
        """Put a batch's values into the matrix; False where one of them has no place there."""
        if values.type != self.probes.type or (values.null_count and not self.probes.null_count):
            return False
        if self.table is None:
            return self._put_numbers(values.to_numpy(zero_copy_only=False), matrix)
        codes = pc.index_in(values, self.probes)
        if codes.null_count and not self.takes_unknown:
            return False
        matrix[:, self.places] = self.table[codes.fill_null(len(self.probes) - 1).to_numpy()]
        return True

    def _put_numbers(self, numbers: Numbers, matrix: Numbers) -> bool:
        # No infinity was asked for, which some steps refuse; and a NaN is missing, too, where it is no null.
        if np.isinf(numbers).any():
            return False
        missing = np.isnan(numbers)
        if missing.any():
            if not self.probes.null_count:
                return False
            numbers = np.where(missing, self.missing, numbers)
        matrix[:, self.places] = numbers[:, None]
        return True


def is_text(column: Column) -> bool:
    """Whether a column holds texts."""
    return column.dtype in _TEXTS


def probes_of(column: Column, vocabulary: Iterable[str], *, odd: bool) -> pa.Array:
    """The values of a column that are asked for: all texts or numbers of each kind, and odd ones where they can be.

    Args:
        column: itself.
        vocabulary: the texts that the model's encoders know of it.
        odd: whether the model is asked for what is missing, and for a text that is unknown.

    Raises:
        NeedsFrameError: no table could say what becomes of such a column.
    """
    if is_text(column):
        categories = (column.categories or ()) if column.dtype == "category" else sorted(vocabulary)
        unknown = max((_UNKNOWN, *categories), key=len) + "\x01"  # longer than each that is known
        values = [*categories, *((None, unknown) if odd else ())]
        if not values or len(values) > _MOST_VALUES:
            raise NeedsFrameError
        return pa.array(values, pa.string())
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        raise NeedsFrameError
    with np.errstate(over="ignore"):
        if dtype.kind == "f":
            return pa.array(
                [*np.array(_NUMBERS, dtype), *([None] if odd else [])], pa.from_numpy_dtype(dtype)
            )
        if dtype.kind == "b":
            return pa.array([False, True])
        limits = np.iinfo(str(dtype))
        return pa.array(np.clip(np.trunc(_NUMBERS), limits.min, limits.max // 2).astype(dtype))


def way_of(probes: pa.Array, got: Numbers, first: Numbers, takes_unknown: bool) -> Way:
    """What becomes of a column.

    Args:
        probes: its values that were asked for.
        got: what came to the trees of them, a row each.
        first: what comes of a row that differs from these in this column alone.
        takes_unknown: whether the last probe of a text stands for all that are unknown.

    Raises:
        NeedsFrameError: its numbers do not come to the trees as they are.
    """
    places = np.flatnonzero((bits(got) != bits(first)).any(axis=0))
    got = got[:, places]
    if pa.types.is_string(probes.type):
        return Way(probes, places, got, np.nan, takes_unknown)
    numbers = probes.drop_null().to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        expected = np.repeat(numbers[:, None], len(places), axis=1).astype(got.dtype)
    missing = got[len(numbers) :].ravel()
    if (
        not np.array_equal(bits(expected), bits(np.ascontiguousarray(got[: len(numbers)])))
        or len(missing) > 1
    ):
        raise NeedsFrameError
    return Way(probes, places, None, float(missing[0]) if len(missing) else np.nan, False)


def bits(numbers: Numbers) -> Numbers:
    """Numbers as the integers of the same bits, of which none is unequal to itself."""
    return numbers.view(f"u{numbers.itemsize}")
