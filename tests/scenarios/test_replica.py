"""A read replica: analysts and the pages read there what was published, and the warehouse may be one, too."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.databases import postgres
from pipeline.databases.queries import Query
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from tests import programs, servers
from tests.pipeline.reports.test_overview import LINKS
from tests.scenarios.test_surroundings import shop_on
from tests.servers import Server

READABLE = """
SELECT relname FROM pg_class
WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
  AND has_table_privilege(oid, 'SELECT')
ORDER BY relname
"""


@pytest.fixture(scope="module")
def replica(real_server: Callable[[int], Server]) -> Iterator[tuple[Server, Server]]:
    """A server, and a hot standby that follows it."""
    primary = real_server(15)
    with programs.skipping("15"), servers.standby(primary) as running:
        yield primary, running


def await_replay(primary: Server, standby: Server) -> None:
    """Wait until the standby shows what the primary has committed."""
    with primary.superuser() as session:
        [(position,)] = session.execute("SELECT pg_current_wal_lsn()::text").fetchall()
    deadline = time.monotonic() + programs.SECONDS
    with standby.superuser() as session:
        while session.execute(f"SELECT pg_last_wal_replay_lsn() < '{position}'").fetchone() != (False,):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.05)


def test_analysts_and_pages_read_a_standby(
    replica: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary, standby = replica
    shop = shop_on(primary, tmp_path, monkeypatch)
    home = shop.home
    # The night's rows come from the standby, over two sessions that share one snapshot of it.
    await_replay(primary, standby)
    run_id = home.score(shop.job, warehouse=standby.connections["warehouse"]).run_id
    await_replay(primary, standby)
    there, here = (server.connections["analyst"] for server in (standby, primary))
    views = [row["relname"] for row in home.sql(READABLE, "analyst")]
    assert {"predictions", "latest_predictions", "rejections", "model_quality"} <= set(views)
    for view in views:
        query = f"SELECT * FROM scoring.{view} AS row ORDER BY row::text"
        with (
            postgres.stream(here, Query(query, {}, view)) as rows,
            postgres.stream(there, Query(query, {}, view)) as copies,
        ):
            assert copies.read_all().equals(rows.read_all()), view
    assert report(there, home.path, run_id) == report(here, home.path, run_id)
    assert shop.job in overview(there, [shop.job], LINKS)
