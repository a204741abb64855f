"""A job's query: SQL text in a file, with values bound by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from pipeline.databases import lexer
from pipeline.errors import ScoringError
from pipeline.text_files import TextError, lines

Value = date | datetime | int
Values = Mapping[str, Value]

# A batch is what one stage holds at a time: small enough for a laptop, large enough for vectorised work.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_ROWS = 32_768

# A parameter with a cast, as in :score_date::timestamp: SQLAlchemy would take the colons for its own.
_CAST = re.compile(r"(?<![:\w\\]):(\w+)(?=::)")
# The colon of a slice, which is no parameter's. Neither is any in a literal, a quoted name or a comment.
_SLICE = re.compile(r"(?<![:\w\\]):(?=\d)")
_BOM = "\ufeff"


class WarehouseError(ScoringError):
    """A query that cannot work as it is written."""


@dataclass(frozen=True)
class Query:
    """A query with all that it takes to run it.

    Attributes:
        text: SQL with `:name` parameters.
        values: the parameters' values.
        file: where the text stands, for error messages.
    """

    text: str
    values: Values
    file: str

    def with_text(self, text: str) -> "Query":
        """Another text with the same values."""
        return replace(self, text=text)

    def with_values(self, **values: Value) -> "Query":
        """The same text with further values."""
        return replace(self, values={**self.values, **values})


def damaged(origin: str, kind: str, reason: str) -> WarehouseError:
    """The error of a warehouse's file that cannot be read as a database, at this try or the next."""
    return WarehouseError(
        f"{origin}: the warehouse's file is damaged, or is no {kind} database: {reason}. Put a sound copy in its "
        "place, or correct the connection."
    )


def bind(query: Query, kind: sa.types.TypeEngine[Any] | None = None) -> sa.TextClause:
    """Bind the values that a query names; instants are in UTC.

    Raises:
        WarehouseError: the query names a parameter that has no value, or is not one statement.
    """
    clause = sa.text(_marked(_statement(query.text, query.file)))
    named = _names(clause)
    unknown = sorted(named - set(query.values))
    if unknown:
        usable = ", ".join(f":{name}" for name in query.values)
        raise WarehouseError(
            f"{query.file}: unknown parameter :{unknown[0]}. A query may use {usable}; "
            f"write \\:{unknown[0]} where a colon is meant as text."
        )
    used = {name: _utc(value) for name, value in query.values.items() if name in named}
    return clause.bindparams(*(sa.bindparam(name, value, kind) for name, value in used.items()))


def render(query: Query, literal: Callable[[date | datetime], str]) -> str:
    """Put the bound values into a query as literals.

    Some ways out of a database take no bound parameters: COPY of Postgres, a view of SQLite. The values are dates and
    instants, and SQLAlchemy finds their places; no text from outside ever becomes SQL.

    Args:
        query: the query.
        literal: writes a value in the database's own dialect; instants come in UTC.

    Raises:
        WarehouseError: the query names a parameter that has no value.
    """
    clause = bind(query, _Literal(literal))
    # The named style leaves percent signs alone; others would double them.
    dialect = DefaultDialect(paramstyle="named")
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True})) + "\n"


def parameters(query: str) -> set[str]:
    """Names of the parameters that a query uses."""
    return _names(sa.text(_marked(query)))


def _names(clause: sa.TextClause) -> set[str]:
    return set(clause.compile().params)


def count(query: Query) -> Query:
    """A query that counts the rows of another, as column `counted`."""
    inner = lexer.trimmed(query.text)
    return query.with_text(f"SELECT count(*) AS counted FROM (\n{inner}\n) AS run_rows")  # noqa: S608 - the job's own


def empty(query: Query) -> Query:
    """A query that has another's columns and no row."""
    inner = lexer.trimmed(query.text)
    return query.with_text(f"SELECT * FROM (\n{inner}\n) AS run_rows WHERE 1 = 0")  # noqa: S608 - the job's own


def duplicates(query: Query, name: str) -> Query:
    """A query for the values of a column that come more than once in another query, each as often as it comes."""
    inner = lexer.trimmed(query.text)
    times = f"SELECT {name}, count(*) OVER (PARTITION BY {name}) AS times FROM (\n{inner}\n) AS run_rows"  # noqa: S608
    return query.with_text(f"SELECT {name} FROM ({times}) AS counted WHERE times > 1 AND {name} IS NOT NULL")  # noqa: S608


def read(folder: Path, name: str) -> str:
    """Text of the SQL file `name` below `folder`.

    Raises:
        WarehouseError: there is no such file, it lies outside of the folder, or it is no text or not one query.
    """
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, RuntimeError):  # a name that no file can have; links that lead to themselves
        inside = False
    if not inside:
        raise WarehouseError(
            f"{name}: no such query in {folder}. Put the SQL file there, or correct the job file."
        )
    try:
        text = lines(path.read_bytes())
    except TextError as error:
        raise WarehouseError(f"{name}: not a text file: {error}") from error
    _statement(text, name)
    for number, line in enumerate(text.splitlines(), 1):
        if _BOM in line and any(_BOM in span.text for span in lexer.split(text) if span.kind == "code"):
            raise WarehouseError(
                f"{name}: line {number} has a byte order mark (BOM), a character that nobody sees, as where two files "
                "were put together. Remove it, or write the line again."
            )
    return text


def _statement(query: str, origin: str) -> str:
    """A query without what may stand after its end; it is one statement."""
    statement = lexer.trimmed(query)
    if not statement:
        raise WarehouseError(f"{origin}: there is no query in it. Write the SELECT that gives the rows.")
    if line := lexer.line_of_second(statement):
        raise WarehouseError(
            f"{origin}: a semicolon in line {line} begins a second statement. Write one SELECT, and no second "
            "statement."
        )
    return statement


def _marked(statement: str) -> str:
    """A statement in which SQLAlchemy takes for parameters what are, and nothing else."""
    return "".join(
        _SLICE.sub(r"\\:", _CAST.sub(r"(:\1)", span.text))
        if span.kind == "code"
        else span.text.replace(":", r"\:")
        for span in lexer.split(statement)
    )


def _utc(value: Value) -> Value:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class _Literal(sa.types.UserDefinedType[Any]):
    """A bound value written as a literal, so that `:score_date - 7` is date arithmetic and not text."""

    cache_ok = True

    def __init__(self, literal: Callable[[date | datetime], str]) -> None:
        self.literal = literal

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        return lambda value: str(value) if isinstance(value, int) else self.literal(value)
