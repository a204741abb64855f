"""Training rows, read as runs read theirs: from the warehouse, through the checker, in the dtypes of a contract."""

import tempfile
import warnings
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from pipeline.config import dates, loader, workspace
from pipeline.config.job import Job
from pipeline.databases import connections, queries
from pipeline.databases.connections import AddressError
from pipeline.embedded import server
from pipeline.errors import UsageError
from pipeline.training import gather
from pipeline.training.gather import Source
from pipeline.training.summary import Summary


def training_frame(
    source: Job | str,
    first: date | str,
    last: date | str,
    *,
    connection: str = "warehouse",
    timezone: str = "UTC",
) -> pd.DataFrame:
    """Rows of a range of score dates, with the very values and dtypes in which a model gets them in a run.

    Args:
        source: a job or its name, whose query is run for each score date; or a query's file below sql/, such as
            "flight_delay/outcomes.sql".
        first: the first score date.
        last: the last score date, which belongs to the range.
        connection: of a query's file: the warehouse's connection id. A job names its own.
        timezone: of a query's file: in which a score date begins and ends. A job names its own.

    Returns:
        `entity_id`, `score_date` and the query's columns. Integers and booleans with gaps are floats and objects, as
        pandas has them. Rows that every run would reject are left out, with a warning; so are columns of a type that
        no model takes.

    Raises:
        UsageError: there is no such job or connection, or the range is none.
        WarehouseError: there is no such query, or the database refused it.
        ContractError: a column comes twice, or is of one kind on one date and of another on the next.
        TrainingError: no date has rows, or a column has gaps and integers that no float has.
    """
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        path = Path(folder) / "rows.parquet"
        _warn(gather.write(_source(source, connection, timezone), _range(first, last), path))
        return pd.read_parquet(path)


def training_file(
    source: Job | str,
    first: date | str,
    last: date | str,
    path: Path | str,
    *,
    connection: str = "warehouse",
    timezone: str = "UTC",
) -> int:
    """Write what `training_frame` returns to a Parquet file, in memory that no number of rows makes larger.

    Returns:
        the number of rows.

    Raises:
        ScoringError: as `training_frame`; then there is no file.
    """
    temporary = Path(path).with_name(f".{Path(path).name}.tmp")
    try:
        summary = gather.write(_source(source, connection, timezone), _range(first, last), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _warn(summary)
    return summary.rows


def _warn(summary: Summary) -> None:
    for sentence in summary.warnings():
        warnings.warn(sentence, stacklevel=3)


def _range(first: date | str, last: date | str) -> list[date]:
    begin, end = (dates.parse(day if isinstance(day, str) else day.isoformat()) for day in (first, last))
    if end < begin:
        raise UsageError(f"the last score date, {end}, lies before the first, {begin}. Exchange them.")
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def _source(source: Job | str, connection: str, timezone: str) -> Source:
    home = workspace.home()
    if isinstance(source, str) and not source.endswith(".sql"):
        source = loader.find(home / "dags", source)
    if isinstance(source, Job):
        name, connection, zone = source.extract.query, source.extract.connection, source.zone
    else:
        try:
            name, zone = source, ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise UsageError(
                f"time zone {timezone!r} is unknown. Name one of the IANA, such as Europe/Berlin."
            ) from None
    uri = server.connection(connection, home / ".local")
    if uri is None:
        raise AddressError(
            f"no connection {connection!r}. Set AIRFLOW_CONN_{connection.upper()} to the warehouse's URI, or name "
            "another connection."
        )
    database_url = connections.warehouse(uri, connection)
    return Source(database_url, queries.read(home / "sql", name), name, zone)
