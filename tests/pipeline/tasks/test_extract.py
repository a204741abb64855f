"""pipeline/tasks/extract.py: every row of the query is in a part or rejected with its reason, none twice."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.contract.batch_result import BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.contract import Column, Contract, ContractError
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from pipeline.extraction.shards import ExtractError
from pipeline.payloads import Run
from pipeline.store import parts
from pipeline.store.layout import RunRef
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    """A night of 100 rows, 7 of which cannot be scored, in parts of 40."""
    rows = shop_rows()
    rows["visits"] = rows["visits"].astype("Int64").where(~rows.index.isin([0, 1, 39, 40, 99]))
    rows["entity_id"] = rows["entity_id"].where(~rows.index.isin([50, 51]))
    shop = open_shop(home, rows, gate="max_rejected_fraction = 0.5")
    shop.query("SELECT * FROM {table} ORDER BY coalesce(entity_id, 'customer-00050')")
    return shop


def read(shop: Shop, run: Run) -> list[pa.Table]:
    """A run's parts."""
    paths = [RunRef.of(run).input(part.number) for part in run.parts]
    return [
        pa.Table.from_batches(parts.read(shop.home.store, path, part))
        for path, part in zip(paths, run.parts, strict=True)
    ]


def test_extracted_is_scored_and_rejected_part_by_part(shop: Shop) -> None:
    run = shop.extract()
    query = "SELECT part, rows_extracted, rows_rejected FROM scoring.run_parts WHERE run_id = :run_id ORDER BY part"
    ledger = [tuple(row.values()) for row in shop.home.sql(query, run_id=run.run_id)]
    assert ledger == [(0, 40, 3), (1, 40, 3), (2, 20, 1)]
    assert [part.rows for part in run.parts] == [37, 37, 19]
    assert [table.num_rows for table in read(shop, run)] == [37, 37, 19]
    assert (run.rows_extracted, run.rows_rejected) == (100, 7)


def test_every_row_is_in_a_part_or_rejected(shop: Shop) -> None:
    run = shop.extract()
    scored = pa.concat_tables(read(shop, run))["entity_id"].to_pylist()
    query = "SELECT row_number FROM scoring.rejected_rows WHERE run_id = :run_id"
    rejected = [row["row_number"] for row in shop.home.sql(query, run_id=run.run_id)]
    numbers = [int(entity.removeprefix("customer-")) for entity in scored] + rejected
    assert sorted(numbers) == list(range(100))


def test_a_rejected_row_keeps_its_reason_its_place_and_its_value(shop: Shop) -> None:
    shop.configure("rows_per_part = 40", 'rows_per_part = 40\n[contract]\nunknown_category = "reject"')
    shop.change("channel = 'pigeon'", "entity_id IN ('customer-00040', 'customer-00070')")
    run = shop.extract()
    query = """
        SELECT part, row_number, entity_id, column_name, rule, value FROM scoring.rejected_rows
        WHERE run_id = :run_id AND row_number IN (40, 50, 70) ORDER BY row_number, column_name
    """
    assert [tuple(row.values()) for row in shop.home.sql(query, run_id=run.run_id)] == [
        (1, 40, "customer-00040", "channel", "unknown_category", "pigeon"),
        (1, 40, "customer-00040", "visits", "null", None),
        (1, 50, None, "entity_id", "null", None),
        (1, 70, "customer-00070", "channel", "unknown_category", "pigeon"),
    ]


def test_a_row_that_breaks_two_rules_is_counted_once(shop: Shop) -> None:
    shop.change("channel = NULL", "entity_id = 'customer-00040'")
    assert shop.extract().rows_rejected == 7


def test_a_part_keeps_the_rows_as_the_query_gave_them(home: Home) -> None:
    rows = shop_rows()
    shop = open_shop(home, rows)
    shop.query(
        "SELECT member, channel, visits, 'more' AS more, amount, entity_id FROM {table} ORDER BY entity_id"
    )
    extracted = pa.concat_tables(read(shop, shop.extract())).to_pandas()
    pd.testing.assert_frame_equal(extracted, rows, check_dtype=False)


def test_the_order_of_columns_and_further_ones_change_no_score(home: Home) -> None:
    shop = open_shop(home)
    shop.home.score(shop.job)
    before = shop.predictions()[["entity_id", "score", "label"]]
    shop.query(
        "SELECT 'x' AS late, member, ARRAY[1] AS list, channel, visits, amount, entity_id FROM {table}"
    )
    assert shop.home.score(shop.job).run_id > 1
    assert shop.predictions()[["entity_id", "score", "label"]].equals(before)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            "SELECT entity_id, amount, visits AS visit, channel, member FROM {table}",
            "the query has 'visit': rename it",
        ),
        (
            "SELECT entity_id, visits, channel, member FROM {table}",
            "column 'amount', which the model takes, is missing",
        ),
    ],
)
def test_other_columns_are_refused_before_the_model_is_loaded(home: Home, query: str, complaint: str) -> None:
    shop, loaded = open_shop(home), list[Any]()
    shop.query(query)
    with pytest.raises(ContractError, match=complaint):
        shop.extract(load=loaded.append)
    assert loaded == []


def test_the_query_gets_the_score_date_and_its_local_day(home: Home) -> None:
    shop = open_shop(home)
    shop.query(
        "SELECT concat_ws(' ', :score_date, CAST(extract(epoch FROM :interval_start) AS bigint),"
        " CAST(extract(epoch FROM :interval_end) AS bigint)) AS entity_id, amount, visits, channel, member"
        " FROM {table} LIMIT 1"
    )
    [part] = read(shop, shop.extract())
    start, end = 1709269200, 1709355600  # midnight in New York is 05:00 UTC in winter
    assert part["entity_id"].to_pylist() == [f"{NIGHT} {start} {end}"]


def test_the_run_carries_what_was_counted_in_each_column(shop: Shop) -> None:
    counts = shop.extract().features
    assert counts["visits"] == {"type": 0, "null": 5, "out_of_range": 0}
    assert list(counts) == ["amount", "visits", "channel", "member"]


def test_an_empty_night_is_noted_in_the_ledger(shop: Shop) -> None:
    shop.query("SELECT * FROM {table} WHERE false")
    with pytest.raises(ExtractError, match="gave no rows"):
        shop.extract()
    run = shop.home.last_run(shop.job)
    assert (run["status"], run["parts"], run["rows_extracted"]) == ("failed", 0, 0)
    assert "gave no rows" in run["status_reason"]


# How Postgres's own values reach a model of a kind.
NUMBER = Column("x", "number", "float64", nullable=True)
WHOLE = Column("x", "integer", "Int64", nullable=True)
WORD = Column("x", "text", "str", nullable=True)
FLAG = Column("x", "boolean", "boolean", nullable=True)
TIME = Column("x", "timestamp", "datetime64[us]", nullable=True)
INSTANT = Column("x", "instant", "datetime64[us, UTC]", nullable=True)
EXACT: list[tuple[Column, str, object]] = [
    (WHOLE, "12.00::numeric", 12),
    (WHOLE, "9007199254740993::bigint", 2**53 + 1),
    (WHOLE, "9007199254740993::numeric(20, 3)", 2**53 + 1),
    (WHOLE, "(-32768)::smallint", -32768),
    (WHOLE, "NULL::integer", None),
    (NUMBER, "0.1::numeric", 0.1),
    (NUMBER, "1e-20::numeric", 1e-20),
    (NUMBER, "123456789012345678901234567890.5::numeric", 123456789012345678901234567890.5),
    (NUMBER, "9007199254740992::bigint", 2.0**53),
    (NUMBER, "1.5::real", 1.5),
    (NUMBER, "5e-324::float8", 5e-324),
    (NUMBER, "'NaN'::float8", None),
    (NUMBER, "'NaN'::numeric", None),
    (WORD, "'👩‍👩‍👧 שלום'::varchar", "👩‍👩‍👧 שלום"),
    (WORD, "''::text", ""),
    (WORD, "repeat('x', 1000000)", "x" * 1_000_000),
    (FLAG, "NULL::boolean", None),
    (TIME, "'2024-02-29 23:59:59.999999'::timestamp", datetime(2024, 2, 29, 23, 59, 59, 999999)),  # noqa: DTZ001
    (TIME, "'9999-12-31'::timestamp", datetime(9999, 12, 31)),  # noqa: DTZ001
    (INSTANT, "'2013-11-03 01:30-05'::timestamptz", datetime(2013, 11, 3, 6, 30, tzinfo=UTC)),
]
BROKEN = [
    (WHOLE, "12.5::numeric", "type"),
    (WHOLE, "9223372036854775808::numeric", "type"),
    (WHOLE, "'NaN'::numeric", "type"),
    (NUMBER, "9007199254740993::bigint", "type"),
    (NUMBER, "'-Infinity'::float8", "finite"),
    (NUMBER, "'Infinity'::numeric", "finite"),
    (TIME, "'infinity'::timestamp", "finite"),
    (TIME, "'-infinity'::timestamp", "finite"),
    (INSTANT, "'infinity'::timestamptz", "finite"),
]
OTHER = [
    (NUMBER, "1.5::money", "column 'x' is money, and the model was trained on number"),
    (WHOLE, "1.5::money", "column 'x' is money, and the model was trained on integer"),
    (WHOLE, "1::float8", "column 'x' is double, and the model was trained on integer"),
    (NUMBER, "'1.5'::text", "column 'x' is string, and the model was trained on number"),
    (NUMBER, "true", "column 'x' is bool, and the model was trained on number"),
    (TIME, "now()", "column 'x' is timestamp.us, tz=UTC., and the model was trained on timestamp"),
    (TIME, "current_date", "column 'x' is date32.day., and the model was trained on timestamp"),
    (WORD, "ARRAY['x']", "column 'x' is list<item: string>, and the model was trained on text"),
    (WORD, "'x'::bytea", "column 'x' is binary, and the model was trained on text"),
    (WORD, "'127.0.0.1'::inet", "column 'x' is inet, and the model was trained on text"),
]


def check(server: Embedded, column: Column, value: str) -> BatchResult:
    """One row of a value, read from Postgres and held against a column."""
    checker = Checker(Contract((column,)))
    query = f"SELECT 'one' AS entity_id, {value} AS x"
    with warehouse.stream(server.connections["warehouse"], Query(query, {}, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        [batch] = reader
    return checker.check(batch)


@pytest.mark.parametrize(("column", "value", "exact"), EXACT, ids=[row[1] for row in EXACT])
def test_what_postgres_has_reaches_the_model_exactly(
    server: Embedded, column: Column, value: str, exact: object
) -> None:
    checked = check(server, column, value)
    assert checked.accepted.column("x").to_pylist() == [exact]


@pytest.mark.parametrize(("column", "value", "rule"), BROKEN, ids=[row[1] for row in BROKEN])
def test_what_has_no_exact_form_is_rejected(server: Embedded, column: Column, value: str, rule: str) -> None:
    checked = check(server, column, value)
    assert [row["rule"] for row in checked.rejected.to_pylist()] == [rule]
    assert checked.accepted.num_rows == 0


@pytest.mark.parametrize(("column", "value", "complaint"), OTHER, ids=[row[1] for row in OTHER])
def test_a_column_of_another_type_is_refused_by_name(
    server: Embedded, column: Column, value: str, complaint: str
) -> None:
    with pytest.raises(ContractError, match=f"q.sql: {complaint}; convert it in the query"):
        check(server, column, value)
