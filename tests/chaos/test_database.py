"""Databases that go away, refuse, lock and fill up: the right retry, and whole nights only."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_manager.dbapi as adbc
import pytest
import sqlalchemy as sa

from pipeline.databases import connections, postgres, warehouse
from pipeline.databases.queries import Query, WarehouseError
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded
from pipeline.provisioning.migrate import migrate
from pipeline.runs.ledger import LedgerError
from tests.chaos.surroundings import GATE, WAITS, begin, fill, holding, poll, require_whole
from tests.home import SUPERUSER, Home
from tests.pipeline.shop import Shop, open_shop

SLOW_COPY = """
CREATE OR REPLACE FUNCTION public.wait_in_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM scoring.scoring_runs WHERE run_id = NEW.run_id AND job = '{job}') THEN
        PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER wait_in_copy BEFORE INSERT ON scoring.prediction_rows FOR EACH ROW
    WHEN (NEW.entity_id = 'customer-00030') EXECUTE FUNCTION public.wait_in_copy()
"""


def shop_on(server: Embedded, path: Path) -> Iterator[Shop]:
    """A shop with one published night and one row that is rejected, whose reads and writes wait at a gate."""
    home = Home(path, server)
    shop = open_shop(home)
    shop.change("channel = NULL", "entity_id = 'customer-00007'")
    shop.query(WAITS)
    home.score(shop.job)
    home.sql(SLOW_COPY.format(job=shop.job))
    yield shop


@pytest.fixture(scope="module")
def shop(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    for shop in shop_on(server, tmp_path_factory.mktemp("database") / "home"):
        yield shop
        shop.home.sql("DROP TRIGGER wait_in_copy ON scoring.prediction_rows")


# what is held up -> its stage, the connection that holds it up, and how
PHASES = {
    "extract begins": ("extract", "predictions_owner", "LOCK TABLE scoring.scoring_runs IN EXCLUSIVE MODE"),
    "extract reads": ("extract", "warehouse_owner", GATE),
    "extract keeps rejected rows": (
        "extract",
        "predictions_owner",
        "LOCK TABLE scoring.rejected_rows IN EXCLUSIVE MODE",
    ),
    "extract enters its parts": (
        "extract",
        "predictions_owner",
        "LOCK TABLE scoring.run_parts IN EXCLUSIVE MODE",
    ),
    "write claims a part": ("write", "predictions_owner", "LOCK TABLE scoring.run_parts IN EXCLUSIVE MODE"),
    "write copies": ("write", "predictions_owner", GATE),
    "log_metrics": ("log_metrics", "predictions_owner", "LOCK TABLE scoring.run_metrics IN EXCLUSIVE MODE"),
    "publish audits": (
        "publish",
        "predictions_owner",
        "LOCK TABLE scoring.run_parts IN ACCESS EXCLUSIVE MODE",
    ),
    "publish before it moves the pointer": (
        "publish",
        "predictions_owner",
        "LOCK TABLE scoring.scoring_runs IN SHARE MODE",
    ),
    "publish moves the pointer": (
        "publish",
        "predictions_owner",
        "LOCK TABLE scoring.current_runs IN EXCLUSIVE MODE",
    ),
}
DRIVERS = (adbc.Error, sa.exc.OperationalError)


@pytest.mark.parametrize("phase", PHASES)
def test_a_session_that_is_killed_is_tried_again(shop: Shop, phase: str) -> None:
    stage, connection, lock = PHASES[phase]
    seen, night = shop.predictions(), begin(shop)
    night.before(stage)
    with ThreadPoolExecutor(1) as thread:
        with holding(shop.home, lock, connection) as holder:
            going = thread.submit(night.go_on)
            holder.kill_waiting()
            assert shop.predictions().equals(seen)
        published = going.result()
    [(failed, fault)] = night.faults
    assert failed == stage
    assert isinstance(fault, DRIVERS)
    require_whole(shop, published)


def impatient(address: str, setting: str) -> str:
    """An address whose sessions have one more setting."""
    return f"{address}&options={quote(f'-c {setting}')}"


@pytest.mark.parametrize(
    ("stage", "connection", "table"),
    [
        ("extract", "warehouse_owner", "{table}"),
        ("write", "predictions_owner", "scoring.prediction_rows"),
    ],
)
def test_a_lock_that_is_not_to_be_had_in_time_is_tried_again(
    shop: Shop, stage: str, connection: str, table: str
) -> None:
    workspace = shop.home.workspace
    hurried = replace(
        workspace,
        warehouse=impatient(workspace.warehouse, "lock_timeout=200ms"),
        predictions=impatient(workspace.predictions, "lock_timeout=200ms"),
    )
    night = begin(shop, hurried)
    night.before(stage)
    night.again.clear()
    lock = f"LOCK TABLE {table.format(table=shop.table)} IN ACCESS EXCLUSIVE MODE"
    with ThreadPoolExecutor(1) as thread:
        with holding(shop.home, lock, connection):
            going = thread.submit(night.go_on)
            poll(lambda: night.faults)
        night.again.set()
        published = going.result()
    [(failed, fault)] = night.faults
    assert failed == stage
    assert isinstance(fault, DRIVERS)
    assert "canceling statement due to lock timeout" in str(fault)
    require_whole(shop, published)


LOCK_PART = "SELECT FROM scoring.run_parts WHERE run_id = :run_id AND part = 0 FOR UPDATE"


def test_a_deadlock_is_tried_again(shop: Shop) -> None:
    night = begin(shop)
    night.before("write")
    assert night.run
    values: dict[str, Any] = {"run_id": night.run.run_id}
    with ThreadPoolExecutor(1) as thread:
        with holding(shop.home, LOCK_PART, SUPERUSER, **values) as holder:
            # The server ends the one that notices first: not this one.
            holder.session.execute(sa.text("SET LOCAL deadlock_timeout = '60s'"))
            going = thread.submit(night.go_on)
            assert holder.waiting()
            other = "SELECT FROM scoring.scoring_runs WHERE run_id = :run_id FOR UPDATE"
            holder.session.execute(sa.text(other), values)
        published = going.result()
    [(failed, fault)] = night.faults
    assert (failed, getattr(fault, "sqlstate", "")) == ("write", "40P01")
    require_whole(shop, published)


def test_a_serialization_failure_is_tried_again(shop: Shop) -> None:
    strict = impatient(shop.home.workspace.predictions, "default_transaction_isolation=repeatable\\ read")
    night = begin(shop, replace(shop.home.workspace, predictions=strict))
    night.before("write")
    assert night.run
    values: dict[str, Any] = {"run_id": night.run.run_id}
    touch = "UPDATE scoring.run_parts SET written_at = NULL WHERE run_id = :run_id AND part = 0"
    with ThreadPoolExecutor(1) as thread:
        with holding(shop.home, touch, **values) as holder:
            going = thread.submit(night.go_on)
            assert holder.waiting()
            holder.session.commit()
        published = going.result()
    [(failed, fault)] = night.faults
    assert (failed, getattr(fault, "sqlstate", "")) == ("write", "40001")
    require_whole(shop, published)


ANALYSTS = ("predictions", "rejections", "scoring_runs", "run_parts", "current_runs", "run_metrics")


def test_an_analyst_idle_in_a_transaction_delays_nobody_not_even_a_new_month(shop: Shop) -> None:
    hurried = impatient(shop.home.workspace.predictions, "lock_timeout=60s")  # a fault, should it wait
    night = begin(shop, replace(shop.home.workspace, predictions=hurried), date(1971, 5, 1))
    month = "SELECT to_regclass('scoring.prediction_rows_197105') IS NOT NULL AS made"
    seen = shop.predictions()
    with postgres.engine(shop.home.server.connections["analyst"]).connect() as idle:
        for relation in ANALYSTS:
            idle.execute(sa.text(f"SELECT count(*) FROM scoring.{relation}"))
        [before] = shop.home.sql(month)
        with ThreadPoolExecutor(1) as thread:
            with holding(shop.home, "LOCK TABLE scoring.scoring_runs IN EXCLUSIVE MODE") as holder:
                going = thread.submit(night.go_on)
                assert holder.waiting()  # its month attached, and not yet committed
                assert shop.predictions().equals(seen)
            published = going.result()
        [after] = shop.home.sql(month)
        pid = idle.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        [analyst] = shop.home.sql("SELECT state FROM pg_stat_activity WHERE pid = :pid", SUPERUSER, pid=pid)
    assert (before["made"], after["made"]) == (False, True)
    assert analyst["state"] == "idle in transaction"
    assert night.faults == []
    require_whole(shop, published)


# What a server says, and whether it is worth another try

FAIL = """
CREATE OR REPLACE FUNCTION public.fail(code text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'staged ' || code; END $$
"""
MID_STREAM = """
SELECT n, repeat('x', 200000) AS filling, CASE WHEN n = 90 THEN public.fail('{code}') END AS failed
FROM generate_series(1, 100) AS n
"""


def read_until(shop: Shop, code: str) -> int:
    """Read from a query that fails on its 90th row; the rows before."""
    shop.home.sql(FAIL, "warehouse_owner")
    read = 0
    with warehouse.stream(
        shop.home.workspace.warehouse, Query(MID_STREAM.format(code=code), {}, "q.sql")
    ) as reader:
        try:
            for batch in reader:
                read += batch.num_rows
        finally:
            assert 0 < read < 90
    return read


@pytest.mark.parametrize(
    "code",
    ["40001", "40P01", "53100", "53200", "53300", "55P03", "57P01", "57P03", "58030", "25P03", "XX000"],
)
def test_a_fault_that_passes_keeps_its_type_in_mid_stream(shop: Shop, code: str) -> None:
    with pytest.raises(adbc.Error, match=f"staged {code}") as fault:
        read_until(shop, code)
    assert fault.value.sqlstate == code


@pytest.mark.parametrize("code", ["22012", "21000", "42501", "23514", "54000", "57014", "P0001", "XY123"])
def test_a_refusal_in_mid_stream_is_the_querys(shop: Shop, code: str) -> None:
    with pytest.raises(WarehouseError, match=f"q.sql: the database refused the query: staged {code}"):
        read_until(shop, code)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT *, pg_sleep(60) FROM {table}",
        "SELECT *, repeat('x', 200000) AS filling, pg_sleep(0.01) AS slow FROM {table}",
    ],
)
def test_a_statement_that_takes_too_long_says_what_to_do_and_is_not_tried_again(
    shop: Shop, query: str
) -> None:
    seen, written = shop.predictions(), shop.home.path / "sql" / f"{shop.job}.sql"
    usual, limited = written.read_text(), impatient(shop.home.workspace.warehouse, "statement_timeout=300ms")
    shop.query(query)
    night = begin(shop, replace(shop.home.workspace, warehouse=limited))
    remedy = "statement timeout.*It is not tried again.*Make the query faster.*SET statement_timeout"
    with pytest.raises(WarehouseError, match=remedy):
        night.go_on()
    assert shop.predictions().equals(seen)
    written.write_text(usual)
    require_whole(shop, begin(shop).go_on())


def test_the_session_that_holds_the_shards_snapshot_may_idle(shop: Shop) -> None:
    short = impatient(shop.home.workspace.warehouse, "idle_in_transaction_session_timeout=100ms")
    query = "SELECT pg_sleep(0.3), current_setting('idle_in_transaction_session_timeout') AS limit"
    with warehouse.shared_snapshot(short, "q.sql") as snapshot:
        for _ in range(2):  # it has idled for longer when the second one asks for it
            with warehouse.stream(short, Query(query, {}, "q.sql"), snapshot) as reader:
                assert reader.read_all().column("limit").to_pylist() == ["100ms"]


@pytest.mark.parametrize(
    ("connection", "refusal"),
    [("airflow", "scoring.identity. does not exist"), ("analyst", "permission denied for table identity")],
)
def test_a_predictions_database_that_refuses_is_not_tried_again(
    shop: Shop, connection: str, refusal: str
) -> None:
    server = shop.home.server
    uri = {**server.connections, "airflow": server.uri("airflow")}[connection]
    remedy = "Run `scoring migrate`, and make the connection's role a member of scoring_writer"
    with pytest.raises(LedgerError, match=f"predictions: .*{refusal}.*{remedy}"):
        begin(shop, replace(shop.home.workspace, predictions=uri)).go_on()


# A server of its own, to be stopped, and filled up where it may have a file system of its own


@dataclass(frozen=True)
class Own:
    """A server that nobody else uses, and a shop on it.

    Attributes:
        server: the server.
        shop: on it.
        disk: the small file system that holds all its data; None where this user may make none.
    """

    server: Embedded
    shop: Shop
    disk: Path | None

    def stop(self) -> None:
        """Stop it in the middle of everything, as a crash would."""
        pid = int((self.server.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        poll(lambda: not embedded.is_running(self.server.data.parent))

    def start(self) -> None:
        """Start it again."""
        embedded.start(self.server.data.parent)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = Path(tempfile.mkdtemp(prefix="scoring-tests-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    running = embedded.start(folder)
    migrate(connections.postgres(running.connections["predictions_owner"], "predictions_owner"))
    for made in shop_on(running, tmp_path_factory.mktemp("own") / "home"):
        yield Own(running, made, folder if mounted else None)
    embedded.stop(folder)
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize("phase", ["extract reads", "write copies", "publish moves the pointer"])
def test_a_server_that_crashes_in_mid_run_is_gone_back_to(own: Own, phase: str) -> None:
    stage, connection, lock = PHASES[phase]
    seen, night = own.shop.predictions(), begin(own.shop)
    night.before(stage)
    with ThreadPoolExecutor(1) as thread, holding(own.shop.home, lock, connection) as holder:
        going = thread.submit(night.go_on)
        assert holder.waiting()
        night.again.clear()
        own.stop()
        poll(lambda: night.faults)
        own.start()
        assert own.shop.predictions().equals(seen)
        night.again.set()
        published = going.result()
    [(failed, fault)] = night.faults
    assert failed == stage
    assert isinstance(fault, DRIVERS)
    require_whole(own.shop, published)


def test_a_database_whose_disk_is_full_takes_the_night_once_there_is_room(own: Own) -> None:
    if own.disk is None:
        pytest.skip("only root can mount a small file system")
    shop, home = own.shop, own.shop.home
    seen, night = shop.predictions(), begin(shop)
    # More scores than fit into the pages that there are.
    more = (
        f"INSERT INTO {shop.table} SELECT 'more-' || n, 1, 1, 'web', true FROM generate_series(1, 30000) AS n"
    )
    home.sql(more, "warehouse_owner")
    shop.configure("rows_per_part = 40", "rows_per_part = 40000")
    shop.query("SELECT * FROM {table}")
    night.before("write")
    home.sql("CHECKPOINT", SUPERUSER)
    ballast = own.disk / "ballast"
    night.again.clear()
    with ThreadPoolExecutor(1) as thread:
        fill(ballast)
        going = thread.submit(night.go_on)
        poll(lambda: night.faults)
        assert shop.predictions().equals(seen)
        ballast.unlink()
        night.again.set()
        published = going.result()
    [(failed, fault)] = night.faults
    assert failed == "write"
    assert isinstance(fault, adbc.Error)
    assert "No space left on device" in str(fault)
    assert published.rows_scored == 30_099
    assert shop.predictions()["entity_id"].nunique() == 30_099
