"""A query whose columns the model cannot take is refused before a row is read."""

from typing import Any

import pyarrow as pa
import pytest

from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract, ContractError
from tests.pipeline.contract.checking import AMOUNT, CHANNEL, COUNT, NUMERIC

FOUND = {"entity_id": pa.string(), "amount": pa.float64(), "count": pa.int32(), "channel": pa.string()}

STAMP = Column("at", "timestamp", "datetime64[us]", nullable=False)

SINCE = Column("since", "instant", "datetime64[us, UTC]", nullable=False)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"amount": None, "amnt": pa.float64()},
            "'amount', which the model takes, is missing .the query has 'amnt': rename it",
        ),
        ({"entity_id": None}, "column 'entity_id' is missing.*name what gets a score AS entity_id"),
        ({"entity_id": pa.float64()}, "column 'entity_id' is double; make it text"),
        (
            {"count": pa.string()},
            "column 'count' is string, and the model was trained on integer; convert it in the query",
        ),
        ({"count": pa.float64()}, "column 'count' is double, and the model was trained on integer"),
        ({"amount": pa.bool_()}, "column 'amount' is bool, and the model was trained on number"),
        (
            {"channel": pa.list_(pa.string())},
            "column 'channel' is list<item: string>, and the model was trained on text",
        ),
        ({"channel": pa.int64()}, "column 'channel' is int64, and the model was trained on text"),
        ({"count": pa.bool_()}, "column 'count' is bool, and the model was trained on integer"),
        ({"channel": NUMERIC}, "column 'channel' is numeric, and the model was trained on text"),
        (
            {"at": pa.timestamp("us", "UTC")},
            "column 'at' is timestamp.us, tz=UTC., and the model was trained on timestamp",
        ),
        ({"at": pa.date32()}, "column 'at' is date32.day., and the model was trained on timestamp"),
        (
            {"since": pa.timestamp("us")},
            "column 'since' is timestamp.us., and the model was trained on instant",
        ),
    ],
)
def test_a_query_of_other_columns_is_refused_before_a_row_is_read(
    change: dict[str, Any], complaint: str
) -> None:
    columns = {name: kind for name, kind in {**FOUND, **change}.items() if kind is not None}
    contract = Contract(
        (AMOUNT, COUNT, CHANNEL, *(column for column in (STAMP, SINCE) if column.name in change))
    )
    with pytest.raises(ContractError, match=f"night.sql: .*{complaint}"):
        Checker(contract).schema(pa.schema(columns), "night.sql")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"entity_id": pa.int64()},
        {"amount": NUMERIC},
        {"amount": pa.int64()},
        {"amount": pa.float32()},
        {"count": NUMERIC},
        {"count": pa.int16()},
        {"channel": pa.dictionary(pa.int32(), pa.string())},
        {"at": pa.timestamp("ns"), "since": pa.timestamp("us", "Europe/Berlin")},
        {"nobody_asked_for_it": pa.list_(pa.int8())},
    ],
)
def test_a_query_of_types_that_convert_exactly_is_taken(change: dict[str, Any]) -> None:
    stamps = {"at": pa.timestamp("us"), "since": pa.timestamp("us", "UTC")}
    contract = Contract((AMOUNT, COUNT, CHANNEL, STAMP, SINCE))
    Checker(contract).schema(pa.schema({**FOUND, **stamps, **change}), "night.sql")


def test_a_column_that_comes_twice_is_refused() -> None:
    columns = pa.schema([*FOUND.items(), ("amount", pa.float64())])
    with pytest.raises(ContractError, match="column 'amount' comes 2 times"):
        Checker(Contract((AMOUNT,))).schema(columns, "night.sql")


def test_an_entity_id_that_comes_twice_is_refused() -> None:
    columns = pa.schema([*FOUND.items(), ("entity_id", pa.string())])
    with pytest.raises(ContractError, match="column 'entity_id' comes 2 times; name what gets a score once"):
        Checker(Contract((AMOUNT,))).schema(columns, "night.sql")


def test_every_problem_of_a_query_is_told_at_once() -> None:
    with pytest.raises(ContractError, match="'amount'.*; .*'count'.*; .*'channel'"):
        Checker(Contract((AMOUNT, COUNT, CHANNEL))).schema(pa.schema({"entity_id": pa.string()}), "night.sql")
