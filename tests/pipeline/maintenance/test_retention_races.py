"""Runs that have expired are gone as a whole, whoever reads, decides or rolls back meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date
from threading import Event

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.databases.waiting import Busy
from pipeline.maintenance import janitor
from pipeline.maintenance.retention import Item
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.ledger import LedgerError
from pipeline.runs.publications import Held
from tests.home import NIGHT
from tests.pipeline.maintenance.aging import age, enter, keep, prune, twice
from tests.pipeline.shop import Shop

MONTHS = iter(date(1990 + year, month, 1) for year in range(9) for month in range(1, 13))


@pytest.fixture
def month(shop: Shop) -> date:
    """A month of its own, with two expired nights, one of them of two runs."""
    day = next(MONTHS)
    for number in (0, 1, 1):
        shop.change("visits = visits + 1")
        shop.home.score(shop.job, day.replace(day=1 + number))
    keep(shop, superseded_days=1, predictions_days=1, parts_days=1000)
    age(shop, 2)
    return day


@contextmanager
def reader(shop: Shop, isolation: str) -> Iterator[sa.Connection]:
    """An analyst's transaction that stays open."""
    engine = postgres.engine(shop.home.server.connections["analyst"])
    with engine.connect().execution_options(isolation_level=isolation) as connection, connection.begin():
        yield connection


def count(connection: sa.Connection, shop: Shop) -> int:
    """How many rows a reader sees of the job."""
    query = "SELECT count(*) FROM scoring.predictions WHERE job = :job"
    return int(connection.execute(sa.text(query), {"job": shop.job}).scalar_one())


def test_an_expired_month_goes_and_can_be_scored_again(shop: Shop, month: date) -> None:
    assert [item.rows for item in prune(shop).gone] == [100, 100, 100]
    assert all(run["rows_pruned_at"] for run in shop.runs())
    assert shop.home.score(shop.job, month).rows_scored == 100


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_whoever_reads_meanwhile_sees_whole_nights(shop: Shop, month: date, isolation: str) -> None:
    with reader(shop, isolation) as idle:
        assert count(idle, shop) == 200  # and it holds its lock, or its snapshot, on
        assert [item.rows for item in prune(shop).gone] == [100, 100, 100]
        assert count(idle, shop) == (0 if isolation == "READ COMMITTED" else 200)
        with reader(shop, "READ COMMITTED") as other:
            assert count(other, shop) == 0


def test_an_expired_run_is_never_published(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    run = int(shop.runs()[0]["run_id"])
    decide(shop.home.approver, run, approve=False, by="ada", reason="wrong")
    keep(shop, superseded_days=1)
    age(shop, 2)
    prune(shop)
    for statement in ("status = 'published', published_at = now()", "status = 'held'", "expired_at = NULL"):
        with pytest.raises(
            sa.exc.DatabaseError, match=f"run {run} expired on .*Score {shop.job} 2024-03-01 again"
        ):
            shop.home.sql(f"UPDATE scoring.scoring_runs SET {statement} WHERE run_id = :run", run=run)


def test_an_expired_run_is_none_to_roll_back_to(shop: Shop) -> None:
    old, new = twice(shop)
    age(shop, 91)
    prune(shop)
    refusal = f"no run was published before run {new}. Run {new} is published; runs published before: none"
    with pytest.raises(LedgerError, match=refusal):
        roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="wrong")
    assert shop.status(old) == "superseded"


def test_a_run_that_was_rolled_back_to_stays(shop: Shop) -> None:
    old, _ = twice(shop)
    age(shop, 91)
    roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="wrong")
    prune(shop)
    assert set(shop.predictions()["run_id"]) == {old}
    assert len(shop.predictions()) == 100


def test_past_predictions_lose_an_expired_run_as_a_whole(shop: Shop) -> None:
    old, new = twice(shop)
    age(shop, 91)
    enter(shop)
    with janitor.session(shop.home.server.connections["predictions_janitor"]) as session:
        assert janitor.call(session, "SELECT scoring.expire(:run)", run=old)
    seen = shop.home.sql(
        "SELECT DISTINCT run_id FROM scoring.past_predictions WHERE job = :job", job=shop.job
    )
    assert seen == [{"run_id": new}]


def test_two_prunes_at_once_are_one(shop: Shop) -> None:
    uri = shop.home.server.connections["predictions_janitor"]
    with janitor.session(uri), pytest.raises(Busy, match="another prune or erase is at work"):
        prune(shop)
    assert prune(shop).gone == ()


def test_while_nights_are_published_and_read_nothing_live_is_pruned(shop: Shop) -> None:
    keep(shop, superseded_days=1, parts_days=1, rejected_values_days=1, predictions_days=2)
    shop.home.score(shop.job)
    over, seen = Event(), set[tuple[int, int]]()
    pruned: list[Item] = []

    def read() -> None:
        query = sa.text("SELECT count(*), count(DISTINCT run_id) FROM scoring.predictions WHERE job = :job")
        with postgres.engine(shop.home.server.connections["analyst"]).connect() as connection:
            while not over.wait(0.003):
                seen.add(tuple(connection.execute(query, {"job": shop.job}).one()))

    def throw_away() -> None:
        while not over.is_set():
            age(shop, 1.5, "status = 'superseded' AND status_since > now() - interval '1 day'")
            pruned.extend(prune(shop).gone)

    def go_back() -> None:
        while not over.wait(0.05):
            with suppress(LedgerError):  # there may be none to go back to
                roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="to and fro")

    with ThreadPoolExecutor(3) as threads:
        others = [threads.submit(task) for task in (read, throw_away, go_back)]
        try:
            for _ in range(4):
                shop.change("visits = visits + 1")
                shop.home.score(shop.job)
        finally:
            over.set()
        for other in others:
            other.result()
    age(shop, 1.5, "status = 'superseded'")
    pruned.extend(prune(shop).gone)
    assert seen == {(100, 1)}
    current = set(shop.predictions()["run_id"])
    rows = {run["run_id"]: shop.rows(run["run_id"]) for run in shop.runs()}
    assert rows == {run: 100 if run in current else 0 for run in rows}
    assert {item.run_id for item in pruned if item.what == "scores"} == rows.keys() - current
