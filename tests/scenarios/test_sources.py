"""The same rows, whatever database they come from, reach the contract as the same values."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import adbc_driver_manager.dbapi as adbc
import adbc_driver_postgresql.dbapi as adbc_postgres
import pandas as pd
import pyarrow as pa
import pytest
from adbc_driver_duckdb import driver_path

from pipeline.contract.checker import Checker
from pipeline.contract.coerce import plain
from pipeline.contract.contract import Column, Contract, ContractError, Kind
from pipeline.databases import connections, warehouse
from pipeline.databases.queries import BATCH_ROWS, Query, WarehouseError
from pipeline.embedded.server import Embedded
from tests.home import Home, shop_model, shop_rows

VALUES = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=UTC),
    "interval_end": datetime(2024, 3, 2, tzinfo=UTC),
}


@dataclass(frozen=True)
class Source:
    """A database under test: how to run statements as its owner, and where the pipeline reads it."""

    name: str
    run: Callable[[str], None]
    address: str

    def column(self, query: str) -> list[object]:
        """First column of a query's rows."""
        with warehouse.stream(self.address, Query(query, VALUES, "q.sql")) as reader:
            values: list[object] = plain(reader.read_all().column(0).combine_chunks()).to_pylist()
        return values


def on_postgres(server: Embedded, scheme: str) -> Source:
    """The embedded Postgres, over ADBC or, with a driver of SQLAlchemy's, over a server-side cursor."""

    def run(statement: str) -> None:
        owner = server.connections["warehouse_owner"]
        with adbc_postgres.connect(owner, autocommit=True) as session, session.cursor() as cursor:
            cursor.execute(statement)

    uri = server.connections["warehouse_owner"].replace("postgresql://", f"{scheme}://", 1)
    return Source(scheme, run, connections.warehouse(uri, "warehouse"))


def on_sqlite(folder: Path, scheme: str = "sqlite") -> Source:
    """A SQLite file, over ADBC or over SQLAlchemy's dialect."""
    path = folder / "warehouse.db"

    def run(statement: str) -> None:
        with closing(sqlite3.connect(path)) as session, session:
            session.executescript(statement)

    run("PRAGMA user_version = 1")
    return Source(scheme, run, connections.warehouse(f"{scheme}:///{path}", "warehouse"))


def on_duckdb(folder: Path) -> Source:
    """A DuckDB file."""
    path = folder / "warehouse.duckdb"

    def run(statement: str) -> None:
        options = {"path": str(path)}
        with (
            adbc.connect(
                driver=driver_path(), entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True
            ) as session,
            session.cursor() as cursor,
        ):
            cursor.execute(statement)

    run("CREATE TABLE nothing (x integer)")
    return Source("duckdb", run, connections.warehouse(f"duckdb:///{path}", "warehouse"))


@pytest.fixture(params=["postgresql", "postgresql+psycopg2", "sqlite", "duckdb"])
def source(request: pytest.FixtureRequest, server: Embedded, tmp_path: Path) -> Iterator[Source]:
    if request.param == "sqlite":
        yield on_sqlite(tmp_path)
    elif request.param == "duckdb":
        yield on_duckdb(tmp_path)
    else:
        yield on_postgres(server, request.param)


CONTRACT = Contract(
    (
        Column("price", "number", "float64", nullable=True),
        Column("units", "integer", "Int32", nullable=True),
        Column("big", "integer", "Int64", nullable=True),
        Column("ratio", "number", "float64", nullable=True),
        Column("flag", "boolean", "boolean", nullable=True),
        Column("happened", "timestamp", "datetime64[us]", nullable=True),
        Column("known", "instant", "datetime64[us, UTC]", nullable=True),
        Column("word", "text", "str", nullable=True),
        Column("never", "text", "str", nullable=True),
    )
)
TABLE = """
CREATE TABLE {table} (
    entity_id varchar(20), price decimal(20, 4), units decimal(20, 0), big bigint, ratio double precision, flag boolean,
    happened timestamp, known timestamp with time zone, word varchar(50), never varchar(50))
"""
ROWS = """
INSERT INTO {table} VALUES
('all', 12.5, 3, 9223372036854775807, 0.1, true,
 '2024-02-29 12:30:00.123456', '2024-03-01 01:00:00+02:00', 'naïve', NULL),
('none', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
('low', -0.0001, -3, -9223372036854775808, 1e300, false,
 '1969-12-31 23:59:59', '1970-01-01 00:00:00+00:00', '日本語 😀', NULL),
('round', 7, 12, 9007199254740993, 2, true, '2024-01-01 00:00:00', '2024-01-01 00:00:00-05:00', '''); DROP--', NULL)
"""
naive = datetime.fromisoformat
EXPECTED = [
    ("all", 12.5, 3, 2**63 - 1, 0.1, True, naive("2024-02-29 12:30:00.123456"),
     datetime(2024, 2, 29, 23, tzinfo=UTC), "naïve", None),
    ("none", *[None] * 9),
    ("low", -0.0001, -3, -(2**63), 1e300, False, naive("1969-12-31 23:59:59"), datetime(1970, 1, 1, tzinfo=UTC),
     "日本語 😀", None),
    ("round", 7.0, 12, 2**53 + 1, 2.0, True, naive("2024-01-01 00:00:00"), datetime(2024, 1, 1, 5, tzinfo=UTC),
     "'); DROP--", None),
]  # fmt: skip


def checked(source: Source, query: str, contract: Contract = CONTRACT) -> pa.Table:
    """A query's rows as a part would keep them; none may be rejected."""
    checker = Checker(contract)
    with warehouse.stream(source.address, Query(query, VALUES, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        batches = [checker.check(batch) for batch in reader]
    assert [row for batch in batches for row in batch.rejected.to_pylist()] == []
    return pa.Table.from_batches([batch.accepted for batch in batches], schema=contract.schema)


@pytest.fixture
def table(source: Source, home: Home) -> str:
    name = home.name("types")
    source.run(TABLE.format(table=name))
    source.run(ROWS.format(table=name))
    return name


def test_every_type_arrives_exact(source: Source, table: str) -> None:
    result = checked(source, f"SELECT * FROM {table}")
    assert [tuple(row.values()) for row in result.to_pylist()] == EXPECTED


def test_a_column_is_typed_though_its_first_batch_is_null(source: Source, table: str) -> None:
    late = f"""
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {BATCH_ROWS + 100})
    SELECT part.* FROM numbers CROSS JOIN {table} AS part WHERE part.entity_id = 'none'
    UNION ALL SELECT * FROM {table} WHERE entity_id = 'all'
    """
    result = checked(source, late)
    assert tuple(result.slice(len(result) - 1).to_pylist()[0].values()) == EXPECTED[0]


def test_a_model_gets_the_trained_dtypes(source: Source, table: str) -> None:
    result = checked(source, f"SELECT * FROM {table}")
    frame = CONTRACT.frame(result.combine_chunks().to_batches()[0])
    assert [str(dtype) for dtype in frame.dtypes] == [column.dtype for column in CONTRACT.columns]


def test_no_rows_have_columns_all_the_same(source: Source, table: str) -> None:
    assert len(checked(source, f"SELECT * FROM {table} WHERE 1 = 0")) == 0


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("SELECT CAST(entity_id AS varchar(20)) FROM {table} WHERE happened < :interval_start AND price > 10", "all"),
        ("SELECT entity_id FROM {table} WHERE :score_date = :score_date AND word LIKE '日%' -- x", "low"),
        ("SELECT entity_id FROM {table} WHERE word = 'naïve';\n-- the end", "all"),
        (r"SELECT '\:score_date' FROM {table} WHERE units = 3", r"\:score_date"),
        ("SELECT '5%' FROM {table} WHERE units = 3", "5%"),
    ],
)  # fmt: skip
def test_a_query_gets_its_values(source: Source, table: str, query: str, value: object) -> None:
    assert source.column(query.format(table=table)) == [value]


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM {table}"])
def test_a_refused_query_says_where_and_why(source: Source, table: str, query: str) -> None:
    with pytest.raises(
        WarehouseError, match=r"q\.sql: the database refused the query: .*(SELEC|nowhere|nothing)"
    ):
        source.column(query.format(table=table))


def test_an_unknown_parameter_is_refused(source: Source) -> None:
    with pytest.raises(WarehouseError, match=r"q\.sql: unknown parameter :day"):
        source.column("SELECT :day")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {table}",
        "DROP TABLE {table}",
        "WITH gone AS (DELETE FROM {table} RETURNING entity_id) SELECT * FROM gone",
    ],
)
def test_a_query_cannot_write(source: Source, table: str, statement: str) -> None:
    with pytest.raises((WarehouseError, adbc.Error, OSError)):
        source.column(statement.format(table=table))
    assert len(source.column(f"SELECT entity_id FROM {table}")) == 4


def test_a_column_that_comes_twice_is_refused_by_name(source: Source, table: str) -> None:
    with pytest.raises(ContractError, match="column 'word' comes 2 times"):
        checked(source, f"SELECT *, word FROM {table}")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("duckdb", "[1, 2]"), ("postgresql", "ARRAY[1, 2]"), ("postgresql+psycopg2", "ARRAY[1, 2]")],
)
def test_an_array_is_refused_by_name(server: Embedded, tmp_path: Path, kind: str, value: str) -> None:
    source = on_duckdb(tmp_path) if kind == "duckdb" else on_postgres(server, kind)
    contract = Contract((Column("word", "text", "str", nullable=True),))
    with pytest.raises(ContractError, match="column 'word' is list.*, and the model was trained on text"):
        checked(source, f"SELECT 'a' AS entity_id, {value} AS word", contract)


def test_a_table_may_have_any_name(source: Source) -> None:
    source.run("CREATE TABLE night (x integer); INSERT INTO night VALUES (7)" if source.name == "sqlite" else
               "CREATE TABLE IF NOT EXISTS night AS SELECT 7 AS x")  # fmt: skip
    assert source.column("SELECT x FROM night") == [7]


def test_a_value_that_does_not_fit_its_declared_type_is_rejected_with_its_row(tmp_path: Path) -> None:
    source = on_sqlite(tmp_path)
    source.run(TABLE.format(table="t"))
    source.run("""INSERT INTO t (entity_id, price, flag, happened, known) VALUES
        ('good', 1.5, 1, '2024-01-01 00:00:00', '2024-01-01 00:00:00Z'),
        ('text', 'n/a', 1, NULL, NULL),
        ('seven', 0.1, 7, NULL, NULL), ('epoch', 1, 0, 1704067200, NULL),
        ('no zone', 1, 0, NULL, '2024-01-01 00:00:00')""")
    checker = Checker(CONTRACT)
    with warehouse.stream(source.address, Query("SELECT * FROM t", VALUES, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        (found,) = [checker.check(batch) for batch in reader]
    assert found.accepted.column("entity_id").to_pylist() == ["good"]
    rejected = [(row["entity_id"], row["column_name"], row["rule"]) for row in found.rejected.to_pylist()]
    assert sorted(rejected) == [
        ("epoch", "happened", "type"), ("no zone", "known", "type"),
        ("seven", "flag", "type"), ("text", "price", "type"),
    ]  # fmt: skip


# Rows of one kind that fill more than one batch, and then some of another.
CHANGING = f"""
CREATE TABLE t (entity_id TEXT, a);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {BATCH_ROWS + 500})
INSERT INTO t SELECT 'e' || i, {{first}} FROM n;
INSERT INTO t VALUES {{then}};
"""


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
@pytest.mark.parametrize(
    ("dtype", "first", "then", "expected", "rejected"),
    [
        ("float64", "i", "('x', 2.75), ('y', -0.9), ('z', 3)", {"x": 2.75, "y": -0.9, "z": 3.0}, []),
        ("int64", "i", "('x', 2.75), ('y', -0.9), ('z', 3)", {"z": 3}, ["x", "y"]),
        ("float64", "i", "('x', NULL), ('y', 1e300)", {"x": None, "y": 1e300}, []),
        ("float64", "NULL", "('x', 0.1), ('y', 7)", {"x": 0.1, "y": 7.0}, []),
        ("int64", "NULL", "('x', 9007199254740993), ('y', 0.5)", {"x": 2**53 + 1}, ["y"]),
        ("Int64", "i + 0.5", "('x', 9007199254740993)", {"x": 2**53 + 1}, None),
    ],
)
def test_a_column_that_changes_its_type_on_the_way_is_exact_or_rejected(
    tmp_path: Path, scheme: str, dtype: str, first: str, then: str, expected: dict[str, object],
    rejected: list[str] | None,
) -> None:  # fmt: skip
    source = on_sqlite(tmp_path, scheme)
    source.run(CHANGING.format(first=first, then=then))
    kind: Kind = "number" if dtype == "float64" else "integer"
    checker = Checker(Contract((Column("a", kind, dtype, nullable=True),)))
    scored: dict[str, object] = {}
    refused: list[tuple[str, str]] = []
    with warehouse.stream(source.address, Query("SELECT * FROM t", VALUES, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        for batch in reader:
            checked = checker.check(batch)
            scored |= dict(zip(*checked.accepted.to_pydict().values(), strict=True))
            refused += [(row["entity_id"], row["rule"]) for row in checked.rejected.to_pylist()]
    assert {name: scored.get(name) for name in expected} == expected
    if rejected is not None:
        assert refused == [(name, "type") for name in rejected]


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
def test_an_entity_keeps_its_text_whatever_came_before_it(tmp_path: Path, scheme: str) -> None:
    source = on_sqlite(tmp_path, scheme)
    source.run(
        CHANGING.replace("entity_id TEXT", "entity_id")
        .replace("'e' || i", "i")
        .format(first="1", then="(0.5, 1), ('b', 1)")
    )
    checker = Checker(Contract((Column("a", "integer", "int64", nullable=True),)))
    with warehouse.stream(source.address, Query("SELECT * FROM t", VALUES, "q.sql")) as reader:
        batches = [checker.check(batch).accepted for batch in reader]
    entities = [name for batch in batches for name in batch.column("entity_id").to_pylist()]
    assert (entities[0], entities[-2:]) == ("1", ["0.5", "b"])


def test_a_night_gets_the_same_scores_from_every_source(home: Home, source: Source) -> None:
    home.model("shop", *shop_model())
    rows = shop_rows(100)
    there = home.name("shop")
    source.run(
        f"CREATE TABLE {there} (entity_id varchar(20), amount decimal(10, 2), visits bigint, channel varchar(9), "
        "member boolean)"
    )
    columns = ", ".join(
        "({}, {}, {}, {}, {})".format(*("NULL" if pd.isna(cell) else repr(cell) for cell in row))
        for row in rows.astype(object).itertuples(index=False)
    )
    source.run(f"INSERT INTO {there} VALUES {columns}")
    here = home.table(rows)
    job = home.job(f"SELECT * FROM {here} ORDER BY entity_id", "shop")
    home.score(job)
    expected = home.predictions(job)[["entity_id", "score", "label"]]
    other = home.job(f"SELECT * FROM {there} ORDER BY entity_id", "shop")
    done = home.score(other, warehouse=source.address)
    assert done.rows_scored == 100
    assert home.predictions(other)[["entity_id", "score", "label"]].equals(expected)
