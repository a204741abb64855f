"""What becomes of a column on its way to a model's trees: its values themselves, or what a table has for each text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.worker.compiled.trees import Numbers
from pipeline.worker.frames import Column

_TEXTS = ("category", "object", "str", "string")
# A number comes to the trees as it is, or needs a frame: no table could hold all of them.
_NUMBERS = (0.0, -0.0, 1.0, -3.0, 0.1, 1e-310, 2.0**31 - 1, 2.0**53 + 2, -1e30, 1e30)
# As a float32 it is another than as a float64 that becomes a float32: it is rounded once, or twice.
_TWICE = 2**60 + 2**36 + 1
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
        widened: whether numbers become float64 before they become what the matrix holds.
    """

    probes: pa.Array
    places: Numbers
    table: Numbers | None
    missing: float
    takes_unknown: bool
    widened: bool = False

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
        numbers = numbers.astype(np.float64) if self.widened else numbers
        matrix[:, self.places] = numbers[:, None]
        return True


def is_text(column: Column) -> bool:
    """Whether a column holds texts."""
    return column.dtype in _TEXTS


def probes_of(column: Column, known: Iterable[Any], *, odd: bool) -> pa.Array:
    """The values of a column that are asked for: all texts or numbers of each kind, and odd ones where they can be.

    Args:
        column: itself.
        known: the values that the model's encoders know of it.
        odd: whether the model is asked for what is missing, and for a text that is unknown.

    Raises:
        NeedsFrameError: no table could say what becomes of such a column.
    """
    if is_text(column):
        texts = sorted(value for value in known if isinstance(value, str))
        categories = (column.categories or ()) if column.dtype == "category" else texts
        unknown = max((_UNKNOWN, *categories), key=len) + "\x01"  # longer than each that is known
        values = [*categories, *((None, unknown) if odd else ())]
    else:
        values = _numbers(column, [value for value in known if isinstance(value, int | float | np.number)])
        values += [None] if odd and column.dtype in ("float16", "float32", "float64") else []
    if not values or len(values) > _MOST_VALUES:
        raise NeedsFrameError
    return pa.array(values, pa.string() if is_text(column) else pa.from_numpy_dtype(column.dtype))


def _numbers(column: Column, known: Sequence[Any]) -> list[Any]:
    """Numbers of each kind, and those that encoders know: whatever an encoder does to numbers is seen by these."""
    dtype = pd.api.types.pandas_dtype(column.dtype)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        raise NeedsFrameError
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            numbers = np.array([*_NUMBERS, *known], dtype)
        return [*numbers[~np.isnan(numbers)]]
    limits = np.iinfo(str(dtype))
    wanted = (int(value) for value in (*_NUMBERS, _TWICE, *known) if np.isfinite(value))
    return [min(max(value, int(limits.min)), int(limits.max)) for value in wanted]


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
    missing = got[len(numbers) :].ravel()
    got = np.ascontiguousarray(got[: len(numbers)])
    for widened in (False, True):
        with np.errstate(over="ignore"):
            same = (numbers.astype(np.float64) if widened else numbers).astype(got.dtype)
        if (
            np.array_equal(bits(np.repeat(same[:, None], len(places), axis=1)), bits(got))
            and len(missing) < 2
        ):
            return Way(probes, places, None, float(missing[0]) if len(missing) else np.nan, False, widened)
    raise NeedsFrameError


def bits(numbers: Numbers) -> Numbers:
    """Numbers as the integers of the same bits, of which none is unequal to itself."""
    return numbers.view(f"u{numbers.itemsize}")
