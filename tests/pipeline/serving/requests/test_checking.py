"""pipeline/serving/requests/checking.py: a row of JSON is accepted or rejected as the same row of a database is.

Which rules a value breaks is the checker's: tests/pipeline/contract/. Here both ways are held against each other.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.config import loader
from pipeline.config.contract_section import ContractSection
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract
from pipeline.contract.policy import Policy
from pipeline.project import ROOT
from pipeline.serving.parity import values
from pipeline.serving.requests import checking, rows
from pipeline.serving.requests.body import parse
from pipeline.serving.requests.checking import Terms

DAY = date(2024, 3, 1)
FLIGHTS = loader.find(ROOT / "dags", "flight_delay").model_copy(update={"timezone": "UTC"})
INFINITE = 2**63 - 1

# A column -> what databases may send of it.
CASES: dict[str, tuple[Column, pa.Array]] = {
    "integers": (
        Column("x", "integer", "int32", nullable=False, minimum=0, maximum=9),
        pa.array([0, -1, 10, None, 2**31, -(2**63)], pa.int64()),
    ),
    "decimals for integers": (
        Column("x", "integer", "int64", nullable=True),
        pa.array(
            [Decimal("12.00"), Decimal("12.50"), None, Decimal("99999999999999999999.00")],
            pa.decimal128(38, 2),
        ),
    ),
    "floats": (
        Column("x", "number", "float64", nullable=True, minimum=0.0, maximum=1.0),
        pa.array(
            [
                0.1,
                -0.0,
                5e-324,
                1.7976931348623157e308,
                float("nan"),
                float("inf"),
                float("-inf"),
                None,
                0.1 + 0.2,
            ]
        ),
    ),
    "half as many bits": (
        Column("x", "number", "float32", nullable=False),
        pa.array(np.array([0.1, 16777216, 1e30, -np.inf, np.nan], np.float32)),
    ),
    "reals for floats": (
        Column("x", "number", "float64", nullable=False),
        pa.array(np.array([0.1, 16777216, 3.4e38, np.inf], np.float32)),
    ),
    "integers for floats": (
        Column("x", "number", "float64", nullable=False),
        pa.array([2**53, 2**53 + 1, 2**60, -3, None], pa.int64()),
    ),
    "numerics": (
        Column("x", "number", "float64", nullable=False),
        pa.ExtensionArray.from_storage(
            pa.opaque(pa.string(), "numeric", "PostgreSQL"),
            pa.array(["0.1", "NaN", "Infinity", "-Infinity", "9007199254740993", "1e3", None]),
        ),
    ),
    "texts": (
        Column("x", "text", "str", nullable=False, categories=("web", "shop"), accepts_unknown=False),
        pa.array(["web", "", 'q"\\\n\t', "café", "\U0001f600", "a\0b", None]),
    ),
    "texts that are none": (
        Column("x", "text", "str", nullable=True, longest=1),
        pa.array([b"\xff", b"\xed\xa0\x80", b"ok", b"x" * 11], pa.binary()).view(pa.string()),
    ),
    "booleans": (Column("x", "boolean", "bool", nullable=False), pa.array([True, False, None])),
    "bits": (Column("x", "boolean", "boolean", nullable=True), pa.array([0, 1, 2, None])),
    "times": (
        Column("x", "timestamp", "datetime64[us]", nullable=False, earliest="2024-01-01T00:00:00"),
        pa.array(["2024-01-01", "2023-01-01", "2024-02-01T01:02:03.000004", "2024-03-03", None]).cast(
            pa.timestamp("us")
        ),
    ),
    "endless times": (
        Column("x", "timestamp", "datetime64[us]", nullable=False, planned=True),
        pa.array([INFINITE, -INFINITE - 1, 0], pa.int64()).view(pa.timestamp("us")),
    ),
    "nanoseconds": (
        Column("x", "instant", "datetime64[ns, UTC]", nullable=True),
        pa.array([1_700_000_000_000_000_001, 0, 1_900_000_000_000_000_000], pa.timestamp("ns", "UTC")),
    ),
    "instants as text": (
        Column("x", "instant", "datetime64[us, UTC]", nullable=True),
        pa.array(["2024-02-01T00:00:00Z", "2024-02-01 00:00:00+01", "2024-02-01", "soon", "infinity", None]),
    ),
}
SECTIONS = {
    "defaults": ContractSection(),
    "loosened": ContractSection(type="warn", finite="warn", future="warn"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("section", SECTIONS)
def test_a_row_of_json_is_judged_as_a_row_of_the_database(name: str, section: str) -> None:
    column, sent = CASES[name]
    contract = Contract((column,))
    policy = Policy.resolve(contract, SECTIONS[section])
    entities = pa.array([str(number) for number in range(len(sent))])
    batch = pa.RecordBatch.from_arrays([entities, sent], names=["entity_id", "x"])
    night = Checker(contract, policy, datetime(2024, 3, 2, tzinfo=UTC)).check(batch)
    text = f"[{','.join(values.rows(batch, contract))}]"
    terms = Terms(FLIGHTS, contract, policy, DAY)
    checked = terms.check(parse(text.encode()), repeats=True)
    assert checked.accepted.equals(night.accepted) or bits(checked.accepted) == bits(night.accepted)
    assert reasons(checked.rejected) == {
        (row["row_number"], row["column_name"], row["rule"]) for row in night.rejected.to_pylist()
    }


def bits(batch: pa.RecordBatch) -> list[list[Any]]:
    return [
        [each.hex() if isinstance(each, float) else each for each in column.to_pylist()]
        for column in batch.columns
    ]


def reasons(rejected: dict[int, list[dict[str, Any]]]) -> set[tuple[int, str, str]]:
    return {(row, line["column_name"], line["rule"]) for row, lines in rejected.items() for line in lines}


def test_an_entity_that_comes_twice_in_a_request_is_rejected_where_the_job_rejects_it() -> None:
    contract = Contract((Column("x", "number", "float64", nullable=True),))
    sent = parse(b'[{"entity_id": "a"}, {"entity_id": "b"}, {"entity_id": "a"}, {}, {}]')
    batch = rows.batch(sent, contract)
    for unique, twice in (
        ("refuse", set()),
        ("reject", {(0, "entity_id", "unique"), (2, "entity_id", "unique")}),
    ):
        policy = Policy.resolve(contract, ContractSection.model_validate({"unique": unique}))
        checked = checking.check(batch, Terms(FLIGHTS, contract, policy, DAY))
        assert reasons(checked.rejected) == {(3, "entity_id", "null"), (4, "entity_id", "null")} | twice
    assert checked.entities == ["a", "b", "a", None, None]


def test_a_value_of_another_kind_is_shown_as_it_was_sent_unless_values_are_kept_from_view() -> None:
    contract = Contract((Column("x", "text", "str", nullable=True),))
    batch = rows.batch(parse(b'[{"entity_id": true, "x": 12.50}]'), contract)
    for keep, shown in ((True, ["true", "12.50"]), (False, [None, None])):
        policy = Policy.resolve(contract, ContractSection(keep_values=keep))
        checked = checking.check(batch, Terms(FLIGHTS, contract, policy, DAY))
        assert [line["value"] for line in checked.rejected[0]] == shown
    assert checked.entities == ["true"]


def test_an_entity_that_comes_in_two_requests_is_no_repetition() -> None:
    contract = Contract((Column("x", "number", "float64", nullable=True),))
    policy = Policy.resolve(contract, ContractSection.model_validate({"unique": "reject"}))
    terms = Terms(FLIGHTS, contract, policy, DAY)
    first, second = parse(
        b'[[{"entity_id": "a"}, {"entity_id": "b"}], [{"entity_id": "a"}, {"entity_id": "a"}]]'
    )
    assert (terms.repeats(first), terms.repeats(second), terms.repeats(first[:1])) == (False, True, False)
    assert terms.check([*first, *first], repeats=False).rejected == {}
    assert reasons(terms.check(second, repeats=True).rejected) == {
        (0, "entity_id", "unique"),
        (1, "entity_id", "unique"),
    }
