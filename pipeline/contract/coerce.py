"""Values as a database sent them become values as training had them: exactly, or not at all."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import Column

# Whatever else a database writes where a number should be, it is none. Arrow itself would take 0x1F for one.
_INTEGER = r"^-?[0-9]+(\.0*)?$"
_INTEGRAL = r"^[+-]?[0-9]+$"
_NUMBER = r"(?i)^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$|^[+-]?(nan|inf|infinity)$"

_FIRST = 100  # rows that are tried before all

# What a driver calls a column whose values it sends as text -> the type that Arrow has for it.
_PLAIN = {
    "numeric": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "instant": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
}

# The largest integers up to which a float has them all.
_WHOLE = {pa.float64(): 2**53, pa.float32(): 2**24}
# How databases write times without an end -> what Postgres' own driver hands out for them.
_ENDLESS = {"^infinity$": 2**63 - 1, "^-infinity$": -(2**63)}


def convert(sent: pa.Array, column: Column) -> tuple[pa.Array, pa.BooleanArray | None]:
    """Convert a column as the database sent it to the contract's type, exactly or not at all.

    Returns:
        the values, null where there is none or none that is exact; and a mask of those that have no exact form, None
        where all have.
    """
    stored = storage(sent)
    if pa.types.is_decimal(stored.type) or (stored.type == pa.float32() and column.arrow == pa.float64()):
        # By way of its digits. Arrow's own way to a float may end one bit beside the nearest, and a `real` of 0.1 would
        # become 0.10000000149: its text, by which drivers for Python read it in training, is 0.1.
        stored = pc.cast(stored, pa.string())
    if column.kind == "text":
        values = text(stored)
    elif stored.type == column.arrow:
        values = stored
    elif pa.types.is_integer(stored.type) and column.kind in ("integer", "number"):
        values = _within(stored, column.arrow)
    else:
        values = _cast(stored, column)
    # pandas knows one missing value for numbers, NaN, so that is what training took for null; it was readable.
    unreadable = None
    if values.null_count > stored.null_count:
        unreadable = pc.and_(pc.is_null(values), pc.is_valid(stored))
    return _without_nan(values) if pa.types.is_floating(values.type) else values, unreadable


def text(stored: pa.Array) -> pa.Array:
    """Integers and texts as text, null where the bytes are no UTF-8."""
    if pa.types.is_integer(stored.type) or pa.types.is_null(stored.type):
        return pc.cast(stored, pa.string())
    # By way of the bytes, which Arrow looks at: SQLite, for one, hands out whatever it was given.
    return _readable(pc.cast(stored, pa.binary()), pa.string())


def storage(values: pa.Array) -> pa.Array:
    """The values without a driver's own type, and not as a dictionary."""
    stored = values.storage if isinstance(values, pa.ExtensionArray) else values
    return stored.dictionary_decode() if pa.types.is_dictionary(stored.type) else stored


def plain(column: pa.Array) -> pa.Array:
    """A column in a type of Arrow's own, numerics as floats; as the driver sent it where a value has no such form."""
    stored = storage(column)
    kind = column.type.type_name if isinstance(column.type, pa.OpaqueType) else ""
    try:
        return pc.cast(stored, _PLAIN[kind]) if kind in _PLAIN else stored
    except pa.ArrowInvalid:
        return stored


def raw(values: pa.Array) -> npt.NDArray[np.generic]:
    """The numbers that lie in memory, or the bytes of texts; whatever lies under a null among them."""
    *_, data = values.buffers()
    if data is None:
        return np.empty(0, np.uint8)
    if pa.types.is_floating(values.type):
        return np.frombuffer(data, values.type.to_pandas_dtype())[values.offset : values.offset + len(values)]
    offsets = np.frombuffer(values.buffers()[1], np.int32)
    return np.frombuffer(data, np.uint8)[offsets[values.offset] : offsets[values.offset + len(values)]]


def _within(stored: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Integers as another type of number; null where that has no such number."""
    try:
        return pc.cast(stored, wanted)
    except pa.ArrowInvalid:
        low, high = _limits(wanted)
        here_low, here_high = _limits(stored.type)
        bounds = (pa.scalar(bound, stored.type) for bound in (max(low, here_low), min(high, here_high)))
        inside = pc.and_(*(test(stored, bound) for test, bound in zip(_TESTS, bounds, strict=True)))
        return pc.cast(pc.if_else(inside, stored, pa.scalar(None, stored.type)), wanted)


_TESTS = (pc.greater_equal, pc.less_equal)


def _limits(kind: pa.DataType) -> tuple[int, int]:
    if kind in _WHOLE:
        return -_WHOLE[kind], _WHOLE[kind]
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min), int(limits.max)


def _cast(stored: pa.Array, column: Column) -> pa.Array:
    if pa.types.is_integer(stored.type) and column.kind == "boolean":
        # Databases without booleans have 0 and 1; whatever else is there is neither.
        bit = pc.is_in(stored, pa.array([0, 1], stored.type))
        return pc.cast(pc.if_else(bit, stored, pa.scalar(None, stored.type)), pa.bool_())
    if not pa.types.is_string(stored.type):
        return _readable(stored, column.arrow)
    if column.kind in ("timestamp", "instant"):
        return _times(stored, column.arrow)
    if column.kind not in ("integer", "number"):
        return _readable(stored, column.arrow)
    if column.kind == "integer":
        # The database's decimals arrive as text: 12.00 is the integer 12, 12.50 is none.
        plain = pc.if_else(pc.match_substring_regex(stored, _INTEGER), stored, pa.scalar(None, pa.string()))
        return _readable(pc.replace_substring_regex(plain, r"\.0*$", ""), column.arrow)
    return _without_inexact(stored, _numbers(stored, column.arrow))


def _numbers(stored: pa.Array, wanted: pa.DataType) -> pa.Array:
    try:
        # A cast that fails in every row takes ten times as long as one that does not: a few rows show it early.
        pc.cast(stored[:_FIRST], wanted)
        return pc.cast(stored, wanted)
    except pa.ArrowInvalid:
        plain = pc.if_else(pc.match_substring_regex(stored, _NUMBER), stored, pa.scalar(None, pa.string()))
        return _readable(plain, wanted)


def _without_inexact(stored: pa.Array, numbers: pa.Array) -> pa.Array:
    """Floats, null where the text is a whole number beyond those that a float has all; a fraction may be rounded.

    One beyond every float is infinite, and has a rule of its own.
    """
    last = _WHOLE[numbers.type]
    extremes = pc.min_max(numbers).as_py()
    if extremes["min"] is None or (-last < extremes["min"] and extremes["max"] < last):
        return numbers
    beyond = pc.and_(pc.greater_equal(pc.abs(numbers), pa.scalar(last, numbers.type)), pc.is_finite(numbers))
    exact = pc.match_substring_regex(stored, f"^[+-]?0*{last}$")
    inexact = pc.and_not(pc.and_(beyond, pc.match_substring_regex(stored, _INTEGRAL)), exact)
    return pc.if_else(inexact, pa.scalar(None, numbers.type), numbers)


def _times(stored: pa.Array, wanted: pa.DataType) -> pa.Array:
    try:
        return pc.cast(stored, wanted)
    except pa.ArrowInvalid:
        times = _readable(stored, wanted)
        if wanted.unit != "us":  # in no other are they told from times
            return times
        for pattern, endless in _ENDLESS.items():
            mask = pc.match_substring_regex(stored, pattern, ignore_case=True)
            times = pc.if_else(mask, pa.scalar(endless, pa.int64()).cast(wanted), times)
        return times


def _readable(stored: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast what can be cast; null for the rest. Each distinct value is tried but once, and the good ones together."""
    try:
        return pc.cast(stored, wanted)
    except pa.ArrowInvalid:
        distinct = pc.dictionary_encode(stored)
        return _halved(distinct.dictionary, wanted).take(distinct.indices)


def _halved(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    try:
        return pc.cast(values, wanted)
    except pa.ArrowInvalid:
        half = len(values) // 2
        if not half:
            return pa.nulls(1, wanted)
        return pa.concat_arrays([_halved(values[:half], wanted), _halved(values[half:], wanted)])


def _without_nan(values: pa.Array) -> pa.Array:
    numbers = raw(values)
    if not len(numbers) or not np.isnan(numbers.min()):
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
