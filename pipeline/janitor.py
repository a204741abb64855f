"""The session in which things are thrown away: one at a time, and every statement its own short transaction."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.postgres import engine

# How long a month may wait for transactions and locks before it is left for the next time, in seconds.
PATIENCE = 5.0
_LOCK_NOT_AVAILABLE = "55P03"


class Busy(RuntimeError):
    """Another prune or erase is at work on this database; worth another try."""


@contextmanager
def session(uri: str) -> Iterator[sa.Connection]:
    """A session of the janitor, while no other one prunes or erases.

    Args:
        uri: the predictions database, as a member of `scoring_janitor`.

    Raises:
        Busy: another one does.
    """
    # The lock is a second session's, whose transaction lasts as long: PgBouncer may give every statement outside of a
    # transaction another session. It has no snapshot between its statements, so that it holds no clean-up back.
    with engine(uri).connect() as holder, holder.begin():
        holder.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        if not holder.execute(sa.text(_LOCK)).scalar_one():
            raise Busy(
                "another prune or erase is at work on this database. Wait until it has ended, and try again."
            )
        with engine(uri).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection


def call(connection: sa.Connection, query: str, **values: Any) -> Any:
    """The one value of a query, or None."""
    return connection.execute(sa.text(query), values).scalar_one_or_none()


def try_call(connection: sa.Connection, query: str, **values: Any) -> Any:
    """The same, and None also where a lock was not to be had in time."""
    try:
        return call(connection, query, **values)
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
            raise
        return None


def insist(connection: sa.Connection, query: str, **values: Any) -> Any:
    """The same, tried for a while; between two tries whoever waited behind this one has a turn."""
    deadline = time.monotonic() + PATIENCE
    while (found := try_call(connection, query, **values)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def vacuum(connection: sa.Connection, days: Iterable[date], rejected: bool) -> None:
    """Free the room of deleted rows in the partitions of these days, and in the table of rejected rows where said."""
    tables = {f"scoring.prediction_rows_{day:%Y%m}" for day in days}
    for table in sorted(tables | ({"scoring.rejected_rows"} if rejected else set())):
        # Truncating a table's end would take a lock that readers wait for.
        connection.execute(sa.text(f"VACUUM (SKIP_LOCKED, TRUNCATE false) {table}"))


def outlast(connection: sa.Connection) -> bool:
    """Wait until every transaction that is open now has ended; False when they take too long.

    A table that is emptied at once is empty for older snapshots too: whoever still looks at the night before it was
    marked must not find it half there.
    """
    open_now = set(_transactions(connection))
    deadline = time.monotonic() + PATIENCE
    while open_now := open_now & set(_transactions(connection)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _transactions(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.text(_OPEN)).scalars())


_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('scoring.janitor', 0))"
_OPEN = """
SELECT virtualtransaction FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'virtualxid' AND datname = current_database() AND usename <> current_user
"""
