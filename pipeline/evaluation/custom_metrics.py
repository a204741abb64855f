"""A job's own metrics: one SQL query over a run's scores and outcomes, each column of its one row a number.

Scores lie in one database and outcomes in another, so the query runs in neither: it runs in this process, in DuckDB,
which sees these two tables and nothing else.
"""

from collections.abc import Mapping
from decimal import Decimal

import duckdb
import pyarrow as pa

from pipeline.databases.duckdb_file import literal
from pipeline.databases.queries import Query, Values, render
from pipeline.errors import ScoringError

# Neither files nor the network, nor this process' variables.
_SETTINGS = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "TimeZone": "'UTC'",
    "lock_configuration": "true",
}


class CustomMetricError(ScoringError):
    """A business query that does not give named numbers."""


def calculate(query: str, values: Values, origin: str, tables: Mapping[str, pa.Table]) -> dict[str, float]:
    """Run a job's business query; a column that is NULL is left out.

    Args:
        query: SQL of DuckDB's dialect, which is close to that of Postgres, with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.
        tables: what it may read, by name.

    Raises:
        CustomMetricError: the query is refused, or gives other than one row of numbers.
        WarehouseError: it names an unknown parameter.
    """
    for name, table in tables.items():
        _require_apart(table, name, origin)
    statement = render(Query(query, values, origin), literal)
    with duckdb.connect(config={"threads": pa.cpu_count()}) as session:
        for name, table in tables.items():
            session.register(name, table)
        for setting, value in _SETTINGS.items():
            session.execute(f"SET {setting} = {value}")
        try:
            done = session.execute(statement)
            names = [column[0] for column in done.description or ()]
            rows = done.fetchmany(2)
        except duckdb.Error as error:
            reason = str(error).partition(": ")[2] or str(error)
            raise CustomMetricError(
                f"{origin}: the query was refused: {' '.join(reason.split())}. It may read "
                f"{', '.join(f'{name} ({_columns(table)})' for name, table in tables.items())}."
            ) from error
    if len(rows) != 1:
        raise CustomMetricError(
            f"{origin}: {'no row' if not rows else 'more than one row'}. Aggregate to one row, each column a number."
        )
    return _numbers(names, rows[0], origin)


def _require_apart(table: pa.Table, name: str, origin: str) -> None:
    """Refuse columns that DuckDB cannot tell apart: it would give one of them another name without a word."""
    first: dict[str, str] = {}
    for column in table.column_names:
        if twin := first.get(column.lower()):
            raise CustomMetricError(
                f"{origin}: table {name} has columns {twin!r} and {column!r}, which the query cannot tell apart. "
                "Have the outcomes query, or slices, name them differently."
            )
        first[column.lower()] = column


def _numbers(names: list[str], row: tuple[object, ...], origin: str) -> dict[str, float]:
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise CustomMetricError(f"{origin}: column {twice[0]!r} comes twice. Name each number once, with AS.")
    numbers = {}
    for name, value in zip(names, row, strict=True):
        if isinstance(value, int | float | Decimal):
            numbers[name] = float(value)
        elif value is not None:
            raise CustomMetricError(
                f"{origin}: column {name!r} is {value!r}, which is no number. Leave it out, or count it."
            )
    return numbers


def _columns(table: pa.Table) -> str:
    return ", ".join(table.column_names)
