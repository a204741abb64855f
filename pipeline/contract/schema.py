"""Whether a query's columns are those that the model takes, before any row is read."""

import difflib
from collections.abc import Callable, Iterable

import pyarrow as pa

from pipeline.contract.contract import ENTITY, Column, Contract, ContractError

# (trained on, sent): pairs of other kinds that convert exactly, value by value, or reject the row. SQLite and MariaDB
# compute booleans as 0 and 1, and SQLite times as text, whatever a query says: only so can they be had at all.
_EXACT = {
    ("number", "integer"),
    ("number", "decimal"),
    ("integer", "decimal"),
    ("boolean", "integer"),
    ("timestamp", "text"),
    ("instant", "text"),
}

# What Postgres' driver sends as integers which are others: cents, and numbers of objects, the large ones as negative.
_DISGUISED = {"money", "oid", "regproc"}

# Kinds that have one text, by which an entity is known everywhere.
ENTITIES = ("text", "integer", "null")


def check_schema(contract: Contract, sent: pa.Schema, origin: str) -> None:
    """Refuse a query result whose columns the model cannot take.

    Raises:
        ContractError: a column is missing, comes twice, or is of another kind than in training; all are named.
    """
    problems = [*_entity_problems(sent)]
    for column in contract.columns:
        problems += _column_problems(column, sent)
    if problems:
        raise ContractError(f"{origin}: " + "; ".join(problems))


def _entity_problems(sent: pa.Schema) -> Iterable[str]:
    indices = sent.get_all_field_indices(ENTITY)
    if not indices:
        yield f"column {ENTITY!r} is missing{_nearest(ENTITY, sent.names)}; name what gets a score AS {ENTITY}"
    elif len(indices) > 1:
        yield f"column {ENTITY!r} comes {len(indices)} times; name what gets a score once"
    elif kind(sent.field(ENTITY)) not in ENTITIES:
        yield f"column {ENTITY!r} is {_type_name(sent.field(ENTITY))}; make it text with CAST(... AS text)"


def _column_problems(column: Column, sent: pa.Schema) -> Iterable[str]:
    indices = sent.get_all_field_indices(column.name)
    if not indices:
        yield f"column {column.name!r}, which the model takes, is missing{_nearest(column.name, sent.names)}"
    elif len(indices) > 1:
        yield f"column {column.name!r} comes {len(indices)} times; name each column once"
    else:
        sent_kind = kind(sent.field(column.name))
        if sent_kind not in (column.kind, "null") and (column.kind, sent_kind) not in _EXACT:
            yield (
                f"column {column.name!r} is {_type_name(sent.field(column.name))}, and the model was trained on "
                f"{column.kind}; convert it in the query, or train again"
            )


def kind(field: pa.Field) -> str:
    """The family of values that a database says a column has; of types that no model takes their own name."""
    name = _type_name(field)
    return name if name in _DISGUISED else _kind(field.type)


def _kind(sent: pa.DataType) -> str:
    if isinstance(sent, pa.OpaqueType):
        return "decimal" if sent.type_name == "numeric" else sent.type_name
    if pa.types.is_dictionary(sent):
        return _kind(sent.value_type)
    tests: dict[str, Callable[[pa.DataType], bool]] = {
        # A column without any value, in a database that types values and not columns.
        "null": pa.types.is_null,
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "number": pa.types.is_floating,
        "decimal": pa.types.is_decimal,
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "timestamp": lambda kind: pa.types.is_timestamp(kind) and kind.tz is None,
        "instant": pa.types.is_timestamp,
    }
    return next((kind for kind, test in tests.items() if test(sent)), str(sent))


def _type_name(field: pa.Field) -> str:
    name = str((field.metadata or {}).get(b"POSTGRESQL:type", b"").decode())
    if name in _DISGUISED:
        return name
    return str(field.type.type_name) if isinstance(field.type, pa.OpaqueType) else str(field.type)


def _nearest(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word, names, n=1)
    return f" (the query has {close[0]!r}: rename it)" if close else ""
