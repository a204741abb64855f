"""A few connections to a predictions database: none is ever in a transaction while nobody asks anything."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pipeline.serving.requests.limits import Limits, Refused

log = logging.getLogger(__name__)

# Of each process.
MOST = 4
# As many requests wait for one of them; what comes on top is refused.
_WAITING = 256
# Nobody waits for a database that was gone a moment ago.
_PAUSE = 1.0
_CONNECT_SECONDS = 3
# A statement of ours reads an index; one that takes longer stands in a queue.
_STATEMENT = "SET statement_timeout = '{:d}ms'; SET default_transaction_read_only = on"

Row = dict[str, Any]


class Connections:
    """At most `MOST` sessions with one database, each opened when it is needed and kept."""

    def __init__(self, database_url: str, limits: Limits) -> None:
        """Open none yet."""
        self._url, self._limits = database_url, limits
        self._free: list[psycopg.AsyncConnection[Row]] = []
        self._slots = asyncio.Semaphore(MOST)
        self._gone_until = 0.0
        self._asking = 0

    async def rows(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        """The rows of one statement, which sees the database at one moment.

        Raises:
            Refused: the database is gone, or every session is busy for too long.
        """
        if time.monotonic() < self._gone_until:
            raise _gone()
        if self._asking >= _WAITING:
            raise Refused(
                429, "busy", "Too many look-ups wait already. Try again in a second.", Retry_After="1"
            )
        self._asking += 1
        try:
            async with asyncio.timeout(self._limits.seconds):
                async with self._slots:
                    return await self._ask(statement, values)
        except TimeoutError:
            raise Refused(
                503, "database_busy", "The predictions database has not answered in time.", Retry_After="2"
            ) from None
        except psycopg.Error as error:
            log.error(
                "the predictions database does not answer: %s %s", type(error).__name__, error.sqlstate or ""
            )
            self._gone_until = time.monotonic() + _PAUSE
            raise _gone() from None
        finally:
            self._asking -= 1

    async def close(self) -> None:
        """End every session that nobody uses."""
        while self._free:
            await self._free.pop().close()

    async def _ask(self, statement: str, values: Mapping[str, Any]) -> list[Row]:
        kept = bool(self._free)
        session = self._free.pop() if kept else await self._open()
        try:
            rows = await self._on(session, statement, values)
        except psycopg.OperationalError:
            if not kept:
                raise
            # Ended since, as by a restart of the server: what else was kept was, too.
            await self.close()
            session = await self._open()
            rows = await self._on(session, statement, values)
        self._free.append(session)
        return rows

    async def _on(
        self, session: psycopg.AsyncConnection[Row], statement: str, values: Mapping[str, Any]
    ) -> list[Row]:
        try:
            cursor = await session.execute(statement.encode(), values)
            return await cursor.fetchall()
        except BaseException:
            await session.close()
            raise

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        session = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            # A prepared statement stays in a session that PgBouncer hands to another client.
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS,
            application_name="scoring serve",
        )
        await session.execute(_STATEMENT.format(int(self._limits.seconds * 1000)).encode())
        return session


def _gone() -> Refused:
    return Refused(
        503,
        "database_gone",
        "The predictions database does not answer, so that no published score can be looked up. Rows can be scored.",
        Retry_After="2",
    )
