"""What no public name of ADBC's driver manager gives: the one place that uses its inside (seen to work with 1.13.0)."""

import signal
from collections.abc import Callable
from typing import Any, cast

import adbc_driver_manager.dbapi as dbapi
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase


class _Shared:
    """What a connection closes in place of its database, which others use, too."""

    def close(self) -> None:
        """Leave it open: it holds no session."""


def connection(database: AdbcDatabase, *, autocommit: bool) -> dbapi.Connection:
    """A connection that leaves its database open when it is closed; `dbapi.connect` opens a database for each."""
    return dbapi.Connection(cast("AdbcDatabase", _Shared()), AdbcConnection(database), autocommit=autocommit)


def reader(cursor: dbapi.Cursor) -> pa.RecordBatchReader:
    """The rows of what a cursor has executed; errors have their SQLSTATE, which `fetch_record_batch` loses."""
    if cursor._results is None:
        raise ValueError("the cursor has executed nothing yet; execute a query before its rows are read")
    return cursor._results.reader


_wait = dbapi._blocking_call  # type: ignore[attr-defined]


def _wait_and_pass_on(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    cancel: Callable[[], None],
) -> Any:
    """Wait for the database as ADBC does, which takes a Ctrl-C for itself to cancel the statement, and pass it on."""
    interrupted = False

    def cancel_and_note() -> None:
        nonlocal interrupted
        interrupted = True
        cancel()

    try:
        return _wait(function, arguments, options, cancel_and_note)
    finally:
        if interrupted:
            signal.raise_signal(signal.SIGINT)


dbapi._blocking_call = _wait_and_pass_on  # type: ignore[assignment, attr-defined]
