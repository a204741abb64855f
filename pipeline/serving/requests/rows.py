"""Rows of JSON become a batch as a database would have sent it, so that a night's checker reads it.

A number arrives as its digits, a time as its text: what has no exact form in the trained type breaks the rule `type`,
as it does at night, and so does a value of another kind than the column's.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.config import loader
from pipeline.contract.contract import ENTITY, Contract
from pipeline.serving.requests.body import Number, require_keys, shown
from pipeline.serving.requests.limits import Limits, Refused

# No text begins with this byte in UTF-8: so no text is what stands behind it, whatever that is.
_NO_TEXT = b"\xff"
# How a message for people shows that byte.
MARK = "\\xff"
_TEXTS = ("text", "timestamp", "instant")


def of(document: Any, limits: Limits) -> list[Mapping[str, Any]]:
    """The rows of a request: the objects of its key `rows`.

    Raises:
        Refused: there are none, too many, or something else.
    """
    rows = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Refused(
            422, "no_rows", 'The body is to be an object with a list of rows: {"rows": [{"entity_id": ...}]}.'
        )
    require_keys(document, ("rows", "score_date", "reasons"))
    require_few(len(rows), limits)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Refused(422, "no_row", f"rows[{number}] is no object with a value for each column.")
    return rows


def require_few(rows: int, limits: Limits) -> None:
    """Refuse more rows than one request may have.

    Raises:
        Refused: there are more.
    """
    if rows > limits.rows:
        raise Refused(
            413,
            "row_limit",
            f"{rows:,} rows came, and one request has {limits.rows:,} at most. Send several.",
        )


def require_columns(rows: Sequence[Mapping[str, Any]], contract: Contract) -> None:
    """Refuse rows with a key that says nothing: it is most likely misspelt.

    Raises:
        Refused: a row has a key that is no column.
    """
    names = {ENTITY, *(column.name for column in contract.columns)}
    for number, row in enumerate(rows):
        if not row.keys() <= names:
            raise _unknown(number, next(name for name in row if name not in names), contract)


def entities(rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    """What rows call their entities, as a database would have sent them."""
    return _texts([_entity(row.get(ENTITY)) for row in rows])


def batch(rows: Sequence[Mapping[str, Any]], contract: Contract) -> pa.RecordBatch:
    """Rows as the checker takes a database's: `entity_id` and each column, null where a key is missing."""
    columns = [entities(rows)]
    for column in contract.columns:
        is_text, is_words = column.kind == "text", column.kind in _TEXTS
        columns.append(
            _texts([_sent(row.get(column.name), is_text=is_text, is_words=is_words) for row in rows])
        )
    return pa.RecordBatch.from_arrays(columns, names=[ENTITY, *(column.name for column in contract.columns)])


def _texts(contents: list[bytes | None]) -> pa.Array:
    """Texts that nobody has looked at yet, as SQLite hands them out: not each has to be UTF-8."""
    return pa.array(contents, pa.binary()).view(pa.string())


def _sent(value: Any, *, is_text: bool, is_words: bool) -> bytes | None:
    """A value as a database would have sent it.

    Args:
        value: of JSON.
        is_text: whether the column holds text.
        is_words: whether a value of the column is a text in JSON: text or a time.
    """
    if value is None:
        return None
    if type(value) is str and is_words:
        # A half of a pair of UTF-16 is no character: it becomes bytes that are no UTF-8.
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, Number):
        content = value.encode()
    elif isinstance(value, str | bool):
        content = json.dumps(value).encode()
    else:
        content = b"[...]" if isinstance(value, list) else b"{...}"
    return _NO_TEXT + content if is_text else content


def _entity(value: Any) -> bytes | None:
    """What a row calls its entity: text or a whole number, as in a query."""
    if isinstance(value, Number) and value.removeprefix("-").isdecimal():
        return b"0" if value == "-0" else value.encode()
    return _sent(value, is_text=True, is_words=True)


def _unknown(number: int, name: str, contract: Contract) -> Refused:
    names = [ENTITY, *(column.name for column in contract.columns)]
    return Refused(
        422,
        "unknown_column",
        f"rows[{number}] has '{shown(name)}', and the model takes no such column. "
        f"{loader.nearest(shown(name), names)}",
    )
