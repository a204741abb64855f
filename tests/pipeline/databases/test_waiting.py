"""pipeline/databases/waiting.py: a transaction waits for locks in turns, and says in the end who is in the way."""

import pytest
import sqlalchemy as sa

from pipeline.databases import waiting
from pipeline.databases.postgres import engine
from pipeline.databases.waiting import Busy, Turns
from tests.home import Home

SHORT = Turns(lock_timeout="50ms", pause=0.05, patience=0.3)


@pytest.fixture
def table(home: Home) -> str:
    """A table that somebody may lock."""
    name = f"warehouse_{home.name('locked')}"
    home.sql(f"CREATE TABLE public.{name} (x integer)", "warehouse_owner")
    return name


def locking(table: str) -> str:
    return f"LOCK TABLE public.{table} IN ACCESS EXCLUSIVE MODE"


def test_the_work_is_begun_anew_in_every_turn(home: Home, table: str) -> None:
    url = home.server.connections["warehouse_owner"]
    other = engine(url).connect()
    other.execute(sa.text(locking(table)))
    turns: list[int] = []

    def work(connection: sa.Connection) -> str:
        turns.append(len(turns))
        if len(turns) == 3:
            other.close()
        connection.execute(sa.text(locking(table)))
        return "done"

    assert waiting.patiently(url, "locking a table", work, Turns(lock_timeout="50ms", patience=60)) == "done"
    assert turns == [0, 1, 2]


def test_who_is_in_the_way_is_named_and_nothing_is_changed(home: Home, table: str) -> None:
    url = home.server.connections["warehouse_owner"]

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.text(f"INSERT INTO public.{table} VALUES (1)"))

    with engine(url).begin() as other:
        other.execute(sa.text(locking(table)))
        pid = other.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with pytest.raises(
            Busy, match=rf"filling it: no lock was free for 0 seconds.*{pid} \(warehouse_owner\).*try again"
        ):
            waiting.patiently(url, "filling it", work, SHORT)
    assert home.sql(f"SELECT x FROM public.{table}", "warehouse_owner") == []


def test_another_error_is_not_waited_for(home: Home) -> None:
    turns: list[int] = []

    def work(connection: sa.Connection) -> None:
        turns.append(0)
        connection.execute(sa.text("SELECT 1 / 0"))

    with pytest.raises(sa.exc.DBAPIError, match="division by zero"):
        waiting.patiently(home.server.connections["warehouse_owner"], "dividing", work)
    assert turns == [0]
