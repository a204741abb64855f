"""What no public name of ADBC's driver manager gives: the one place that uses its inside (seen to work with 1.13.0)."""

from typing import cast

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
