"""Short transactions that wait for locks, in turns: whoever waits behind one goes on between two."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine

_SQL = statements.load("databases/waiting")
LOCK_NOT_AVAILABLE = "55P03"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Turns:
    """How a transaction waits for locks.

    Attributes:
        lock_timeout: for how long at a time.
        pause: seconds between two turns, in which whoever waits behind it goes on.
        patience: after how many seconds it gives up.
    """

    lock_timeout: str = "5s"
    pause: float = 0.0
    patience: float = 60.0


TURNS = Turns()


class Busy(RuntimeError):
    """Another session holds what is needed; worth another try."""


def patiently(
    database_url: str, action: str, work: Callable[[sa.Connection], Result], turns: Turns | None = None
) -> Result:
    """Do a short transaction's work that may have to wait for locks, in turns; returns what it returns.

    Args:
        database_url: of the predictions database.
        action: what is being done, for the message.
        work: what to do on a connection; it is begun anew in every turn.
        turns: how to wait; a minute in turns of five seconds unless said.

    Raises:
        Busy: another session holds a lock all the while.
    """
    turns = turns or TURNS
    deadline = time.monotonic() + turns.patience
    while True:
        try:
            with engine(database_url).begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{turns.lock_timeout}'")
                return work(connection)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise Busy(
                    f"{action}: no lock was free for {turns.patience:.0f} seconds, so nothing was changed. "
                    f"Sessions with a transaction open: {_open_transactions(database_url)}. "
                    "Wait until they have ended, or end them (pg_terminate_backend), and try again."
                ) from error
        time.sleep(turns.pause)


def _open_transactions(database_url: str) -> str:
    with engine(database_url).connect() as connection:
        return connection.execute(sa.text(_SQL["open_transactions"])).scalar_one() or "none any more"
