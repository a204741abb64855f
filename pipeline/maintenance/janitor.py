"""The session in which things are thrown away: one at a time, and every statement its own short transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from pipeline.databases.postgres import engine
from pipeline.databases.waiting import LOCK_NOT_AVAILABLE, Busy


@contextmanager
def session(uri: str) -> Iterator[sa.Connection]:
    """A session of the janitor, while no other one prunes or erases.

    Args:
        uri: the predictions database, as a member of `scoring_janitor`.

    Raises:
        Busy: another one does.
    """
    # The lock is a second session's, whose transaction lasts as long: it has neither a snapshot nor a number, so that
    # it holds no clean-up back.
    with engine(uri).connect() as holder, holder.begin():
        holder.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        try:
            holder.exec_driver_sql("SELECT scoring.begin_cleanup()")
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            raise Busy(
                "another prune or erase is at work on this database. Wait until it has ended, and try again."
            ) from error
        with engine(uri).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection


def call(connection: sa.Connection, query: str, **values: Any) -> Any:
    """The one value of a query, or None."""
    return connection.execute(sa.text(query), values).scalar_one_or_none()


def retry(connection: sa.Connection, query: str, **values: Any) -> Any:
    """The same, and None also where no lock was free in time."""
    try:
        return call(connection, query, **values)
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        return None
