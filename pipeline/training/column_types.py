"""Columns of many score dates become columns of one type, in which every value is exact."""

from datetime import date

import pyarrow as pa

from pipeline.contract.contract import ENTITY, SCORE_DATE, Column, Contract, ContractError, Kind
from pipeline.contract.schema import kind
from pipeline.training.summary import Summary

_NUMBERS = {"integer", "number", "decimal"}
# What a database sends -> what a model takes.
_KINDS: dict[str, Kind] = {
    "integer": "integer",
    "number": "number",
    "decimal": "number",
    "boolean": "boolean",
    "text": "text",
    "timestamp": "timestamp",
    "instant": "instant",
}


def infer_contract(schemas: dict[date, pa.Schema], summary: Summary) -> Contract:
    """A contract of what the database sent, by score date: it lets every value through that has an exact form."""
    names = list(dict.fromkeys(name for schema in schemas.values() for name in schema.names))
    columns = [_column(name, schemas, summary) for name in names if name not in (ENTITY, SCORE_DATE)]
    return Contract(tuple(column for column in columns if column is not None))


def _column(name: str, schemas: dict[date, pa.Schema], summary: Summary) -> Column | None:
    fields = {}
    for day, schema in schemas.items():
        if schema.names.count(name) != 1:
            times = schema.names.count(name)
            raise ContractError(
                f"{summary.origin}: column {name!r} comes {times} times on {day}. Name each column once, on every date."
            )
        fields[day] = schema.field(name)
    first_days: dict[str, date] = {}
    for day, field in fields.items():
        if kind(field) != "null":
            first_days.setdefault(kind(field), day)
    if len(first_days) > 1 and not set(first_days) <= _NUMBERS:
        (first, day), (second, other_day), *_ = first_days.items()
        raise ContractError(
            f"{summary.origin}: column {name!r} is {first} on {day}, and {second} on {other_day}. Convert it in the "
            "query."
        )
    sent = next(iter(first_days)) if len(first_days) == 1 else "number"
    if sent not in _KINDS:
        summary.foreign[name] = sent
        return None
    taken = _KINDS[sent]
    dtype = _dtype(taken, [field.type for field in fields.values()])
    # Whether a time may lie after its score date is checked when the model is registered, and in every run.
    return Column(name, taken, dtype, nullable=True, planned=True)


def _dtype(kind: Kind, types: list[pa.DataType]) -> str:
    """The dtype in which all values of these types are exact."""
    if kind == "integer":
        return "uint64" if any(map(pa.types.is_uint64, types)) else "int64"
    if kind in ("timestamp", "instant"):
        fine = any(pa.types.is_timestamp(stored) and stored.unit == "ns" for stored in types)
        return f"datetime64[{'ns' if fine else 'us'}{', UTC' if kind == 'instant' else ''}]"
    return {"number": "float64", "boolean": "object", "text": "str"}[kind]
