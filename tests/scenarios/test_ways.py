"""Every way into the product gives a value as the database itself writes it, in training and at night alike."""

import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.contract import contract as contracts
from pipeline.contract import infer
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ContractError
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from pipeline.evaluation import ground_truth
from pipeline.model.manifest import Manifest
from pipeline.model.outcome_values import OutcomesQueryError
from pipeline.training import gather
from pipeline.training.gather import Source
from tests.scenarios import test_sources as sources

DAY = date(2024, 3, 1)
ROWS = 8

whole = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)])
big = st.integers(-(2**53), 2**53) | st.sampled_from([2**53, -(2**53), 2**24 + 1])
decimals = st.decimals(-(10**12), 10**12, places=5) | st.sampled_from(
    ["0.1", "2.675", "1.005", "-0.00001", "12.00000"]
)
single = st.floats(-(2.0**100), 2.0**100, width=32) | st.sampled_from([0.1, 0.2, 0.3, 0.7, 1.1])
double = st.floats(-1e300, 1e300) | st.sampled_from([0.1, 1 / 3, 1e22, 5e-324, -0.0])
letters = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
words = letters | st.sampled_from(["", " ", "NULL", "NaN", "1.0", "001", "true", "é", "a'b", ":score_date"])
times = st.datetimes(
    datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2199-12-31")
) | st.sampled_from(
    [
        datetime.fromisoformat(text)
        for text in ("1970-01-01", "2024-03-10 02:30", "1969-12-31 23:59:59.999999")
    ]
)


def quoted(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


# SQLite writes -0.0 as 0.0.
unsigned = double.map(lambda value: value + 0.0)

# Way -> type of the database -> values, and the kind that a model gets.
TYPES: dict[str, dict[str, tuple[st.SearchStrategy[Any], str]]] = {
    "postgresql": {
        "smallint": (st.integers(-(2**15), 2**15 - 1), "integer"),
        "integer": (whole, "integer"),
        "bigint": (big, "integer"),
        "numeric(20,5)": (decimals, "number"),
        "numeric": (decimals, "number"),
        "real": (single, "number"),
        "double precision": (double, "number"),
        "boolean": (st.booleans(), "boolean"),
        "text": (words, "text"),
        "varchar(20)": (words, "text"),
        "timestamp": (times, "timestamp"),
        "timestamptz": (times, "instant"),
    },
    "duckdb": {
        "TINYINT": (st.integers(-128, 127), "integer"),
        "UINTEGER": (st.integers(0, 2**32 - 1), "integer"),
        "BIGINT": (big, "integer"),
        "UBIGINT": (st.integers(0, 2**53), "integer"),
        "HUGEINT": (big, "number"),
        "DECIMAL(20,5)": (decimals, "number"),
        "FLOAT": (single, "number"),
        "DOUBLE": (double, "number"),
        "BOOLEAN": (st.booleans(), "boolean"),
        "VARCHAR": (words, "text"),
        "TIMESTAMP": (times, "timestamp"),
        "TIMESTAMP_S": (times, "timestamp"),
        "TIMESTAMP_MS": (times, "timestamp"),
        "TIMESTAMP_NS": (times, "timestamp"),
        "TIMESTAMPTZ": (times, "instant"),
    },
    "sqlite": {
        "INTEGER": (big, "integer"),
        "REAL": (unsigned, "number"),
        "": (whole | unsigned, "number"),
        "NUMERIC": (whole | st.floats(2.0**-40, 2.0**40), "number"),
        "DECIMAL(10, 2)": (decimals, "number"),
        "TEXT": (words, "text"),
        "BOOLEAN": (st.booleans(), "boolean"),
        "DATETIME": (times, "timestamp"),
    },
}
TYPES["postgresql+psycopg2"] = TYPES["postgresql"]
# The cursor of Python's own driver has text and numbers, whatever a column is declared as.
TYPES["sqlite+pysqlite"] = {
    **TYPES["sqlite"],
    "BOOLEAN": (st.booleans(), "integer"),
    "DATETIME": (times, "text"),
}


@dataclass(frozen=True)
class Way:
    """A way into the product: its address, and how a value of a type is written and read back as text."""

    name: str
    address: str

    def literal(self, value: Any, kind: str) -> str:
        if value is None:
            return "NULL" if self.name.startswith("sqlite") else f"CAST(NULL AS {kind})"
        if not self.name.startswith("sqlite"):
            zone = "+00" if kind.lower() == "timestamptz" else ""
            return f"CAST({quoted(f'{value}{zone}')} AS {kind})"
        return (
            str(int(value))
            if isinstance(value, bool)
            else repr(value)
            if isinstance(value, int | float)
            else quoted(value)
        )

    def text(self, column: str) -> str:
        if self.name.startswith("sqlite"):
            return f"CASE typeof({column}) WHEN 'real' THEN printf('%!.20g', {column}) ELSE CAST({column} AS text) END"
        return f"CAST({column} AS {'varchar' if self.name == 'duckdb' else 'text'})"


@pytest.fixture(scope="module", params=list(TYPES))
def way(request: pytest.FixtureRequest, server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Way:
    folder = tmp_path_factory.mktemp("ways")
    source = (
        sources.on_duckdb(folder)
        if request.param == "duckdb"
        else sources.on_sqlite(folder, request.param)
        if request.param.startswith("sqlite")
        else sources.on_postgres(server, request.param)
    )
    return Way(request.param, source.address)


@st.composite
def tables(draw: st.DrawFn, types: dict[str, tuple[st.SearchStrategy[Any], str]]) -> dict[str, list[Any]]:
    """Values for a column of every type, with gaps."""
    return {
        kind: [draw(values), *draw(st.lists(st.none() | values, min_size=ROWS - 1, max_size=ROWS - 1))]
        for kind, (values, _) in types.items()
    }


def query_of(way: Way, table: dict[str, list[Any]]) -> str:
    """A query for the values, and beside each what the database writes for it."""
    names = [f"c{number}" for number in range(len(table))]
    if way.name.startswith("sqlite"):
        with (
            closing(sqlite3.connect(str(sa.make_url(way.address).database).removeprefix("file:"))) as session,
            session,
        ):
            declared = ", ".join(f"{name} {kind}" for name, kind in zip(names, table, strict=True))
            session.execute("DROP TABLE IF EXISTS t")
            session.execute(f"CREATE TABLE t (entity_id INTEGER, {declared})")
            marks = ", ".join("?" * (len(names) + 1))
            stored = [
                [place, *(values[place] if isinstance(values[place], int | float | None) else str(values[place])
                          for values in table.values())]
                for place in range(ROWS)
            ]  # fmt: skip
            session.executemany(f"INSERT INTO t VALUES ({marks})", stored)
        inner = "t"
    else:
        rows = [
            "SELECT " + ", ".join(
                [f"{place} AS entity_id",
                 *(f"{way.literal(values[place], kind)} AS {name}"
                   for name, (kind, values) in zip(names, table.items(), strict=True))]
            )
            for place in range(ROWS)
        ]  # fmt: skip
        inner = "(" + " UNION ALL ".join(rows) + ") AS t"
    texts = ", ".join(f"{way.text(name)} AS {name}_text" for name in names)
    return f"SELECT t.*, {texts} FROM {inner} ORDER BY entity_id"


def meant(text: Any, kind: str) -> Any:
    """What the database's text says."""
    if pd.isna(text):
        return None
    if kind == "boolean":
        return text in ("true", "t", "1")
    if kind in ("timestamp", "instant"):
        at = pd.Timestamp(text)
        return at.tz_convert("UTC") if at.tzinfo else at
    return {"integer": int, "number": float, "text": str}[kind](text)


def part_of(way: Way, query: str, contract: contracts.Contract) -> pa.RecordBatch:
    """The rows as a part keeps them; none may be rejected."""
    checker = Checker(contract)
    with warehouse.stream(way.address, Query(query, {"score_date": DAY}, "q.sql")) as reader:
        checker.schema(reader.schema, "q.sql")
        batches = [checker.check(batch) for batch in reader]
    assert [row for batch in batches for row in batch.rejected.to_pylist()] == []
    part = pa.Table.from_batches([batch.accepted for batch in batches], contract.schema)
    return part.combine_chunks().to_batches()[0]


@settings(
    max_examples=3,  # of eight values for each type
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_value_is_what_the_database_writes_in_training_and_at_night(
    way: Way, tmp_path: Path, data: st.DataObject
) -> None:
    types = TYPES[way.name]
    table = data.draw(tables(types))
    query = query_of(way, table)
    gather.write(Source(way.address, query, "q.sql", ZoneInfo("UTC")), [DAY], tmp_path / "rows.parquet")
    frame = pd.read_parquet(tmp_path / "rows.parquet")
    features = [str(name) for name in frame if name not in ("entity_id", "score_date")]
    contract = infer.infer(frame, features, [name for name in features if frame[name].dtype.kind == "M"])
    part = part_of(way, query, contract)
    pd.testing.assert_frame_equal(contract.frame(part), frame[features], check_exact=True)
    assert frame["entity_id"].tolist() == [str(place) for place in range(ROWS)]
    reference = pa.Table.from_pandas(frame[features])
    for number, (kind, (_, family)) in enumerate(types.items()):
        name = f"c{number}"
        expected = [meant(text, family) for text in frame[f"{name}_text"]]
        plain = (
            int if family == "integer" else lambda value: value
        )  # integers with gaps are floats in a frame
        values = [None if pd.isna(value) else plain(value) for value in frame[name]]
        assert [exact(value) for value in values] == [exact(value) for value in expected], kind
        # A slice's groups of a night are those of the reference.
        groups = (pc.cast(column, pa.string()).to_pylist() for column in (part[name], reference[name]))
        assert next(groups) == next(groups)
    hold_outcomes(way, query, data.draw(st.sampled_from(pairs(types))), part)


def exact(value: Any) -> Any:
    """A float bit by bit, so that -0.0 is not 0.0; anything else as it is."""
    return struct.pack("d", value) if isinstance(value, float) else value


def pairs(types: dict[str, tuple[st.SearchStrategy[Any], str]]) -> list[tuple[str, str]]:
    """Columns that may name an entity, each with one that may be a result."""
    named = [(f"c{number}", family) for number, (_, (_, family)) in enumerate(types.items())]
    return [
        (entity, result)
        for entity, family in named
        for result, other in named
        if family in ("text", "integer") and other in ("number", "integer") and entity != result
    ]


def hold_outcomes(way: Way, query: str, pair: tuple[str, str], part: pa.RecordBatch) -> None:
    """An entity has the text that the database writes, and its result is found by it and exact."""
    entity, result = pair
    names = part[f"{entity}_text"]
    if len(pc.unique(names.drop_null())) < len(names) - names.null_count:
        return
    inner = f"({query.replace(' ORDER BY entity_id', '')}) AS q"
    asked = f"SELECT {entity} AS entity_id, {result} AS late FROM {inner} WHERE {entity} IS NOT NULL"
    manifest = Manifest.model_construct(task="regression", classes=(), name="m", version=1)
    outcomes = ground_truth.read(
        way.address, asked, {"score_date": DAY}, "o.sql", manifest, "late", names.drop_null()
    )
    wanted = part.filter(pc.is_valid(names))[f"{result}_text"].to_pylist()
    expected = [np.nan if text is None else float(text) for text in wanted]
    np.testing.assert_array_equal(outcomes.values, expected)
    assert outcomes.unscored == 0


def test_the_bound_values_are_the_same_instants_everywhere(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a laptop's zone is says nothing of the nights that are scored elsewhere.
    monkeypatch.setenv("TZ", "America/New_York")
    start = datetime(2024, 3, 10, 4, 30, tzinfo=UTC)
    with warehouse.stream(
        way.address, Query(f"SELECT {way.text(':interval_start')} AS x", {"interval_start": start}, "q")
    ) as r:
        text = r.read_all().column(0)[0].as_py()
    assert pd.Timestamp(text).tz_localize(None) == pd.Timestamp("2024-03-10 04:30")


@pytest.mark.parametrize(
    ("sent", "kind"), [("4294967295::oid", "oid"), ("'now'::regproc", "regproc"), ("'1.10'::money", "money"),
                       ("'7d9b2d9e-0000-0000-0000-000000000000'::uuid", "extension<arrow.uuid>"), ("1.5", "decimal")]
)  # fmt: skip
def test_what_the_driver_sends_as_another_number_names_no_entity(
    server: Embedded, sent: str, kind: str
) -> None:
    address = sources.on_postgres(server, "postgresql").address
    contract = contracts.Contract((contracts.Column("x", "integer", "int64", nullable=True),))
    schema = f"SELECT {sent} AS entity_id, {sent} AS x, 1 AS late"
    with warehouse.stream(address, Query(schema, {}, "q.sql")) as reader:
        with pytest.raises(
            ContractError,
            match=f"column 'entity_id' is {'numeric' if kind == 'decimal' else kind}; make it text",
        ):
            Checker(contract).schema(reader.schema, "q.sql")
        with pytest.raises(
            OutcomesQueryError, match=f"column 'entity_id' is {kind}, and an entity is text or integer"
        ):
            ground_truth.require_columns(reader.schema, "late", "q.sql")
