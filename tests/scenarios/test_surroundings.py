"""Real servers: every supported version of PostgreSQL with an owner who is no superuser, and a pooler before it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.databases.waiting import Busy
from pipeline.evaluation.outcomes import evaluate
from pipeline.maintenance import janitor, retention, retention_days
from pipeline.maintenance.erasure import erase
from pipeline.provisioning.migrate import migrate
from pipeline.runs.decisions import decide, roll_back
from tests import programs
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.evaluation.shop import bought, name_outcomes
from tests.pipeline.shop import Shop, open_shop
from tests.pooler import Pooler, pooled
from tests.programs import VERSIONS
from tests.servers import Server

RealServer = Callable[[int], Server]
SHARDED = """
SELECT * FROM {table} WHERE abs(hashtext(coalesce(entity_id, '')) % :shards) = :shard ORDER BY entity_id
"""
ENTITY = "customer-00041"


def shop_on(server: Server | Pooler, path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A job on a server: two shards, a rejected row, an entity that comes twice, and outcomes."""
    home = Home(path / "home", server)
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    rows = pd.concat([shop_rows(), shop_rows().tail(1)])
    rows.iloc[7, 0] = None
    shop = open_shop(
        home,
        rows,
        extract='shards = 2\n[contract]\nunique = "reject"',
        gate="min_rows = 1\nmax_rejected_fraction = 0.1",
    )
    shop.query(SHARDED)
    return shop


def the_whole_life_of_a_night(shop: Shop, server: Server) -> None:
    """Publish, hold, approve, roll back, measure, expire and erase, as the logins of production."""
    home = shop.home
    first = home.score(shop.job).run_id
    before = shop.predictions()
    assert len(before) == 98

    shop.change("visits = visits + 1")
    held = shop.hold()
    assert shop.predictions().equals(before)
    decide(home.approver, held, approve=True, by="ada", reason="looked at")
    assert set(shop.predictions()["run_id"]) == {held}
    roll_back(home.approver, shop.job, NIGHT, by="ada", reason="after all not")
    assert shop.predictions().equals(before)
    name_outcomes(shop, bought(shop_rows()), keys='column = "bought"')
    evaluate(home.workspace, home.read(shop.job), NIGHT)
    assert len(analysts_rows(home, "model_quality", shop.job)) == 1
    rejected = [row for row in analysts_rows(home, "rejections", shop.job) if row["run_id"] == first]
    assert sorted(row["rule"] for row in rejected) == ["null", "unique", "unique"]
    assert len(analysts_rows(home, "latest_predictions", shop.job)) == 98

    with server.superuser("predictions") as session:
        session.execute("SET session_replication_role = replica")  # so that no trigger refuses it
        older = "started_at - interval '400 days', status_since = status_since - interval '400 days'"
        session.execute(f"UPDATE scoring.scoring_runs SET started_at = {older} WHERE run_id = {held}")
    retention_days.enter(home.server.connections["predictions_owner"], [home.read(shop.job)])
    pruned = retention.prune(home.server.connections.__getitem__, home.store, [home.read(shop.job)])
    assert {item.run_id for item in pruned.gone} == {held}
    assert [shop.rows(run) for run in (first, held)] == [98, 0]

    cleaner = home.server.connections["predictions_janitor"]
    receipt = erase(cleaner, home.store, shop.job, ENTITY, by="ada", reason="ticket 2041")
    assert receipt.prediction_rows == 1
    assert ENTITY not in set(shop.predictions()["entity_id"])
    assert len(shop.predictions()) == 97


def analysts_rows(home: Home, view: str, job: str) -> list[dict[str, Any]]:
    """A view's rows of a job, as an analyst."""
    return home.sql(f"SELECT * FROM scoring.{view} WHERE job = :job", "analyst", job=job)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_night_lives_on_every_supported_version(
    real_server: RealServer, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = real_server(version)
    with server.superuser() as session:
        rows = session.execute("SELECT rolname FROM pg_roles WHERE rolsuper").fetchall()
        major = session.execute("SELECT current_setting('server_version_num')::int / 10000").fetchall()
    assert (rows, major) == ([("postgres",)], [(version,)])
    the_whole_life_of_a_night(shop_on(server, tmp_path, monkeypatch), server)


@pytest.fixture(scope="module")
def pooler(real_server: RealServer) -> Iterator[Pooler]:
    """PgBouncer in transaction mode before Debian's PostgreSQL."""
    with programs.skipping("pgbouncer"), pooled(real_server(15)) as running:
        yield running


def test_a_night_lives_behind_pgbouncer_in_transaction_mode(
    pooler: Pooler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_whole_life_of_a_night(shop_on(pooler, tmp_path, monkeypatch), pooler.server)


def test_clean_ups_behind_pgbouncer_are_one_at_a_time_and_let_go(pooler: Pooler) -> None:
    uri = pooler.connections["predictions_janitor"]
    for _ in range(4):  # whichever of the server's sessions each of them gets
        with janitor.session(uri), pytest.raises(Busy), janitor.session(uri):
            pass


def test_options_that_pgbouncer_refuses_are_named_with_the_remedy(
    pooler: Pooler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"{pooler.connections['predictions']}?options=-c%20work_mem%3D64MB"
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", uri)
    monkeypatch.setattr("sys.argv", ["scoring", "runs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    complained = " ".join(capsys.readouterr().err.split())
    assert (
        "unsupported startup parameter: options. PgBouncer takes no options in a connection's URI"
        in complained
    )
    assert "ALTER ROLE ... SET" in complained


def test_a_migration_through_pgbouncer_is_a_migration(pooler: Pooler) -> None:
    uri = pooler.connections["predictions_owner"]
    assert migrate(uri) == migrate(pooler.server.connections["predictions_owner"])
