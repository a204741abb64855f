"""pipeline/databases/queries.py: a query is a text file, and gets its values and nothing else."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.databases import lexer, postgres, queries, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded.server import Embedded

VALUES: dict[str, date | datetime] = {
    "score_date": date(2024, 3, 1),
    "interval_start": datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-5))),
    "interval_end": datetime(2024, 3, 2, 5, tzinfo=UTC),
}


def test_a_query_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "q.sql").write_text("SELECT 'ü'")
    assert queries.read(tmp_path, "sub/q.sql") == "SELECT 'ü'"


def test_a_query_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_bytes("SELECT 'ü'".encode("latin-1"))
    with pytest.raises(WarehouseError, match=r"q\.sql: not a text file: .* Save it as UTF-8"):
        queries.read(tmp_path, "q.sql")


@pytest.mark.parametrize("name", ["nowhere.sql", "../outside.sql", "link.sql", "sub"])
def test_a_query_outside_of_its_folder_is_not_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "sql"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.sql").write_text("SELECT 1")
    (folder / "link.sql").symlink_to(tmp_path / "outside.sql")
    with pytest.raises(WarehouseError, match="no such query in"):
        queries.read(folder, name)


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        WarehouseError, match=r"q\.sql: unknown parameter :day\. A query may use :score_date, "
    ):
        postgres.render(Query("SELECT :day", VALUES, "q.sql"))


def test_a_parameter_that_is_not_used_is_not_needed() -> None:
    assert postgres.render(Query("SELECT 1", VALUES, "q.sql")).strip() == "SELECT 1"


# What a person may write where nothing is meant by a colon.
LETTERS = st.text("a:;'\"$-/*[]() \n{}1é\\", max_size=12)
QUOTED = st.one_of(
    LETTERS.map(lambda text: "'{}'".format(text.replace("'", "''"))),
    LETTERS.map(lambda text: '"x{}"'.format(text.replace('"', '""'))),
    LETTERS.map(lambda text: "$q$ {} $q$".format(text.replace("$q$", ""))),
    LETTERS.map(lambda text: "E'\\'{}'".format(text.replace("'", "''").replace("\\", "\\\\"))),
)
COMMENTS = st.one_of(
    LETTERS.map(lambda text: "--{}\n".format(text.replace("\n", " "))),
    LETTERS.map(lambda text: "/* {} */".format(text.replace("*", "").replace("/", ""))),
    st.just("/* :a /* :b */ ; */"),
)
CODE = st.sampled_from(
    ["SELECT a", ":score_date", ":score_date::date", "b::int", "(c)[1:2]", "(c)[:2]", "- 7", ", x"]
)
DATE = "DATE '2024-03-01'"


@settings(max_examples=100)
@given(st.lists(st.one_of(CODE, QUOTED, COMMENTS), max_size=8))
def test_a_parameter_is_one_in_code_and_nowhere_else(pieces: list[str]) -> None:
    text = " ".join(["SELECT 0,", *pieces, "AS done"])
    code = {":score_date": DATE, ":score_date::date": f"({DATE})::date"}
    expected = " ".join(["SELECT 0,", *(code.get(piece, piece) for piece in pieces), "AS done"])
    assert postgres.render(Query(text, VALUES, "q.sql")) == f"{expected}\n"
    assert queries.parameters(text) == ({"score_date"} if set(pieces) & set(code) else set())


@settings(max_examples=50)
@given(st.lists(st.one_of(st.sampled_from([";", " ", "\n"]), COMMENTS), max_size=6))
@example([";", " /* end */"])
@example([";", "-- :end"])
def test_whatever_ends_a_query_is_not_of_it(pieces: list[str]) -> None:
    end = "".join(pieces)
    query = queries.count(Query(f"SELECT ';' AS a{end}", {}, "q.sql"))
    inner = query.text.removeprefix("SELECT count(*) AS counted FROM (\n").removesuffix("\n) AS run_rows")
    # Without a semicolon there is nothing to take away.
    if not any(";" in span.text for span in lexer.split(end) if span.kind == "code"):
        assert inner == f"SELECT ';' AS a{end}".rstrip()
    assert inner.startswith("SELECT ';' AS a")
    assert [span.kind for span in lexer.split(inner) if ";" in span.text and span.kind == "code"] == []


@settings(max_examples=10)
@given(st.lists(LETTERS, min_size=6, max_size=12))
def test_the_database_gets_the_texts_that_stand_in_the_query(server: Embedded, texts: list[str]) -> None:
    columns = ", ".join(f"$q${text}$q$ AS a{number}" for number, text in enumerate(texts) if "$" not in text)
    literals = ", ".join("'{}'".format(text.replace("'", "''")) for text in texts)
    query = f"SELECT {columns or 0}, ARRAY[{literals}]::text[] AS kept, :score_date AS day /* :x */; -- :y"
    with warehouse.stream(server.connections["warehouse"], Query(query, VALUES, "q.sql")) as reader:
        [row] = reader.read_all().to_pylist()
    assert row["kept"] == texts
    assert row["day"] == VALUES["score_date"]
    assert [row[f"a{number}"] for number, text in enumerate(texts) if "$" not in text] == [
        text for text in texts if "$" not in text
    ]


def test_a_byte_order_mark_is_read_over_or_named(tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_bytes(b"\xef\xbb\xbfSELECT 1\r\n")
    assert queries.read(tmp_path, "q.sql") == "SELECT 1\n"
    file.write_text("SELECT 1 AS a\n\ufeff-- two files, put together\n")
    with pytest.raises(WarehouseError, match=r"q\.sql: line 2 has a byte order mark \(BOM\)"):
        queries.read(tmp_path, "q.sql")
    file.write_bytes("SELECT 1".encode("utf-16"))
    with pytest.raises(
        WarehouseError, match=r"not a text file: it has the .* \(BOM\) of UTF-16\. Save it as UTF-8"
    ):
        queries.read(tmp_path, "q.sql")


@pytest.mark.parametrize("text", ["", "  \n", ";", "-- SELECT 1", "/* SELECT 1 */ ;", "\ufeff"])
def test_a_file_without_a_query_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.sql").write_text(text)
    with pytest.raises(WarehouseError, match=r"q\.sql: there is no query in it\. Write the SELECT"):
        queries.read(tmp_path, "q.sql")


def test_a_file_of_two_statements_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("SELECT ';' -- the first;\n;\nSELECT 2;\n")
    with pytest.raises(WarehouseError, match=r"q\.sql: a semicolon in line 2 begins a second statement\."):
        queries.read(tmp_path, "q.sql")
