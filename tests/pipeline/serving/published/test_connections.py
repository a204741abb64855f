"""pipeline/serving/published/connections.py: a database that is gone, comes back, or is asked too much."""

import asyncio
import time
from time import monotonic

import pytest

from pipeline.serving.published.connections import MOST, Connections
from pipeline.serving.requests.limits import Limits, Refused
from tests.home import Home

NOBODY = "postgresql://nobody@127.0.0.1:9/predictions?connect_timeout=2"
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'scoring serve'"
IDLE = "SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'scoring serve'"


async def until_asked_again(connections: Connections) -> None:
    """Wait until the database is asked once more after it has refused."""
    deadline = time.monotonic() + 300
    while True:
        try:
            await connections.rows("SELECT 1 AS one", {})
        except Refused:
            assert time.monotonic() < deadline, "the database is not asked again"
            await asyncio.sleep(0.05)
        else:
            return


def test_sessions_are_few_read_only_and_replaced_where_the_server_has_ended_them(home: Home) -> None:
    async def ask() -> None:
        connections = Connections(home.server.connections["predictions_api"], Limits())
        asked = [connections.rows("SELECT pg_backend_pid() AS pid, pg_sleep(0.02)", {}) for _ in range(20)]
        pids = {rows[0]["pid"] for rows in await asyncio.gather(*asked)}
        assert len(pids) == MOST
        assert home.sql(IDLE, "postgres") == [{"state": "idle", "xact_start": None}] * MOST
        with pytest.raises(Refused):
            await connections.rows("CREATE TEMPORARY TABLE mine ()", {})
        await until_asked_again(connections)
        home.sql(ENDED, "postgres")
        assert (await connections.rows("SELECT 1 AS one", {})) == [{"one": 1}]
        await connections.close()

    asyncio.run(ask())


def test_nobody_waits_for_a_database_that_is_gone() -> None:
    async def ask() -> None:
        connections = Connections(NOBODY, Limits())
        began = monotonic()
        for _ in range(3):
            with pytest.raises(
                Refused, match="no published score can be looked up. Rows can be scored"
            ) as gone:
                await connections.rows("SELECT 1", {})
            assert (gone.value.status, gone.value.code) == (503, "database_gone")
        assert monotonic() - began < 75  # less than a connection waits for

    asyncio.run(ask())


def test_a_statement_that_takes_too_long_is_given_up(home: Home) -> None:
    async def ask() -> None:
        connections = Connections(home.server.connections["predictions_api"], Limits(seconds=0.3))
        with pytest.raises(Refused) as late:
            await connections.rows("SELECT pg_sleep(60)", {})
        assert late.value.status == 503
        assert home.sql(IDLE + " AND state = 'active'", "postgres") == []
        await connections.close()

    asyncio.run(ask())
