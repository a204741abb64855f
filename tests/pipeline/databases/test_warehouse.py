"""A query gets its values and nothing else, and a failure says whether to try again."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.contract import Column
from pipeline.databases import warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded
from tests.home import Home, Server
from tests.pipeline.databases.roads import POSTGRES, ROADS, SQLITE, OpenRoad, checked, open_road
from tests.scenarios.test_sources import on_duckdb, on_sqlite

__all__ = ["open_road"]

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


def read(server: Server, query: str) -> list[Any]:
    """First column of a query's rows, read as a night is."""
    uri = server.connections["warehouse"]
    with warehouse.stream(uri, Query(query, VALUES, "test.sql")) as reader:
        rows: list[Any] = reader.read_all().column(0).to_pylist()
    return rows


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT :score_date", date(2024, 3, 1)),
        ("SELECT :score_date - 7", date(2024, 2, 23)),
        ("SELECT :score_date - DATE '2024-01-01'", 60),
        ("SELECT :score_date::text", "2024-03-01"),
        ("SELECT :score_date::timestamp::date - 1", date(2024, 2, 29)),
        ("SELECT :interval_start", datetime(2024, 3, 1, 5, tzinfo=UTC)),
        ("SELECT :interval_start + interval '1 day' = :interval_end", True),
        ("SELECT pg_typeof(:interval_end)::text", "timestamp with time zone"),
        ("SELECT '5%'::text", "5%"),
        ("SELECT 'under' LIKE 'un%er'", True),
        ("SELECT 7 % 4", 3),
        ("SELECT '%s %(score_date)s %%'::text", "%s %(score_date)s %%"),
        ("SELECT '42'::integer", 42),
        ("SELECT '23:59'::text", "23:59"),
        (r"SELECT '\:score_date'::text", r"\:score_date"),
        (r"SELECT $$C\:\d\\:e::\:$$::text", r"C\:\d\\:e::\:"),
        ("SELECT (ARRAY[1, 2, 3])[2:3]", [2, 3]),
        ("-- what is it's worth?\nSELECT 1", 1),
        ("-- rows of :score_date\nSELECT 1", 1),
        ("/* first; then */ SELECT 1", 1),
        ("SELECT 1;", 1),
        ("SELECT 1 ;\n\n", 1),
        ("SELECT 1 -- the end", 1),
        ("SELECT 1; -- the end", 1),
        ("SELECT 1;\n-- the end\n-- of it;\n", 1),
        ("SELECT ';'::text", ";"),
        (f"-- first; {'-' * 60}\nSELECT 1", 1),
        ("WITH days AS (SELECT :score_date AS day) SELECT day FROM days", date(2024, 3, 1)),
    ],
)
def test_a_query_gets_its_values(server: Embedded, query: str, value: Any) -> None:
    assert read(server, query) == [value]


@pytest.mark.parametrize(
    "end",
    [
        "SELECT 2 AS x",
        "DELETE FROM {table}; COMMIT",
        "-- the end;\nSELECT 2 AS x;",
        "/* ';' */ COMMIT; DELETE FROM {table}; COMMIT;",
    ],
)
@pytest.mark.parametrize("scheme", ROADS)
def test_a_second_statement_is_refused_and_never_run(
    open_road: OpenRoad, home: Home, scheme: str, end: str
) -> None:
    source, table = open_road(scheme), home.name("kept")
    source.run(f"CREATE TABLE {table} AS SELECT 7 AS x")
    refusal = r"test\.sql: a semicolon in line 2 begins a second statement\. Write one SELECT, and no second"
    with (
        pytest.raises(WarehouseError, match=refusal),
        warehouse.stream(
            source.address, Query(f"SELECT x\nFROM {table}; {end.format(table=table)}", VALUES, "test.sql")
        ),
    ):
        pass
    assert source.column(f"SELECT x FROM {table}") == [7]


@pytest.mark.parametrize("scheme", POSTGRES)
def test_a_transaction_of_postgres_only_reads(open_road: OpenRoad, scheme: str) -> None:
    assert open_road(scheme).column("SELECT current_setting('transaction_read_only')") == ["on"]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2", "duckdb"])
def test_a_time_without_an_end_is_rejected_as_not_finite(
    open_road: OpenRoad, scheme: str, kind: str, sign: str
) -> None:
    query = (
        f"SELECT 'endless' AS entity_id, CAST('{sign}infinity' AS {kind}) AS x "
        f"UNION ALL SELECT 'late', CAST('9999-12-31 00:00:00+00' AS {kind})"
    )
    dtype = "datetime64[us]" if kind == "timestamp" else "datetime64[us, UTC]"
    column = Column(
        "x", "timestamp" if kind == "timestamp" else "instant", dtype, nullable=False, planned=True
    )
    result = checked(open_road(scheme), query, column)
    assert result.rejected == {"endless": ("x", "finite")}
    assert list(result.accepted) == ["late"]


# As a column's type or its other values have it come: as an integer, as a decimal, as text beside a fraction.
WHOLE = {
    **dict.fromkeys(POSTGRES, ("CAST({} AS bigint)", "CAST({} AS numeric)")),
    **dict.fromkeys(SQLITE, ("{}", "{} AS x UNION ALL SELECT 'half', 0.5")),
    "duckdb": ("CAST({} AS bigint)", "CAST({} AS hugeint)", "CAST({} AS decimal(38, 0))"),
}


@pytest.mark.parametrize(
    ("scheme", "cell"), [(scheme, cell) for scheme, cells in WHOLE.items() for cell in cells]
)
def test_a_whole_number_that_no_float_has_is_rejected(open_road: OpenRoad, scheme: str, cell: str) -> None:
    source = open_road(scheme)
    column = Column("x", "number", "float64", nullable=False)
    for value, fits in ((2**53, True), (2**53 + 1, False), (-(2**53), True), (-(2**53) - 2, False)):
        query = "SELECT 'whole' AS entity_id, " + (cell if " AS x" in cell else f"{cell} AS x").format(value)
        result = checked(source, query, column)
        assert result.accepted.get("whole") == (float(value) if fits else None), value
        assert result.rejected == ({} if fits else {"whole": ("x", "type")})


def _garbled(content: bytes) -> bytes:
    """A file of which the first page is sound, and no other."""
    return content[:4096] + bytes(byte ^ 0xFF for byte in content[4096:])


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "of text": lambda content: b"hello" * 1000,
    "cut off": lambda content: content[: 4096 + 500],
    "garbled": _garbled,
}


@pytest.mark.parametrize("damage", BROKEN)
@pytest.mark.parametrize("scheme", [*SQLITE, "duckdb"])
def test_a_file_that_is_damaged_is_refused(tmp_path: Path, scheme: str, damage: str) -> None:
    source = on_duckdb(tmp_path) if scheme == "duckdb" else on_sqlite(tmp_path, scheme)
    source.run("CREATE TABLE shop (entity_id varchar(9), word varchar(900))")
    source.run("INSERT INTO shop VALUES " + ", ".join(f"('e{row}', '{row:0900}')" for row in range(2000)))
    [path] = tmp_path.glob("warehouse.*")
    path.write_bytes(BROKEN[damage](path.read_bytes()))
    refusal = (
        r"q\.sql: the warehouse's file is damaged, or is no \w+ database: .*Put a sound copy in its place"
    )
    with pytest.raises(WarehouseError, match=refusal):
        source.column("SELECT word FROM shop")


def test_an_empty_file_is_no_database_of_duckdbs(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").touch()
    with (
        pytest.raises(WarehouseError, match="the warehouse's file is damaged, or is no DuckDB database"),
        warehouse.stream(f"duckdb:///{tmp_path / 'w.duckdb'}", Query("SELECT 1", {}, "q.sql")),
    ):
        pass
