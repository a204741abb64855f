"""pipeline/maintenance/leftovers.py: what a late try beside a run has left goes, and nothing else does."""

import os
import time
from pathlib import Path

import pytest

from pipeline.challenger import tries
from pipeline.challenger.tries import Outcome
from pipeline.store.layout import RunRef
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import opened
from tests.pipeline.maintenance.aging import prune
from tests.pipeline.shop import Shop


@pytest.fixture
def shop(home: Home) -> Shop:
    """A published run, whose challenger has the champion's estimator."""
    made = opened(home, shop_rows())
    home.model("shop", *shop_model(), outcome="bought", alias="challenger")
    path = home.path / "dags" / f"{made.job}.toml"
    path.write_text(path.read_text() + "\n[challenger]\n")
    return made


def make_old(shop: Shop) -> None:
    yesterday = time.time() - 90_000
    for path in Path(shop.home.store, shop.job).rglob("*"):
        os.utime(path, (yesterday, yesterday))


def files(shop: Shop) -> list[str]:
    return sorted(path.name for path in Path(shop.home.store, shop.job).rglob("challenger-*.parquet"))


def test_scores_that_a_challenger_wrote_after_its_end_go_after_a_day(shop: Shop) -> None:
    place, job, run_id = shop.home.workspace, shop.home.read(shop.job), shop.runs()[-1]["run_id"]
    work = tries.begin(place, job, run_id)
    late = tries.attempt(place, job, work)
    written = {path: path.read_bytes() for path in Path(shop.home.store).rglob("challenger-*.parquet")}
    assert len(written) == len(late.parts) == 3
    assert tries.end(place, work, Outcome(failure=tries.KILLED)) == tries.KILLED
    assert files(shop) == []
    for path, content in written.items():  # by the task that was given up, and went on
        path.write_bytes(content)
    assert prune(shop).gone == ()
    make_old(shop)
    [gone] = prune(shop).gone
    assert (gone.what, gone.run_id, gone.size) == ("leftover files", run_id, sum(map(len, written.values())))
    assert files(shop) == []


def test_scores_that_are_named_or_in_the_making_stay(shop: Shop) -> None:
    place, job, run_id = shop.home.workspace, shop.home.read(shop.job), shop.runs()[-1]["run_id"]
    work = tries.begin(place, job, run_id)
    outcome = tries.attempt(place, job, work)
    make_old(shop)
    assert prune(shop).gone == ()
    assert tries.end(place, work, outcome) == ""
    make_old(shop)
    assert prune(shop).gone == ()
    assert len(files(shop)) == 3
    assert shop.status(run_id) == "published"


def test_reasons_are_left_over_once_their_try_is_no_longer_running(shop: Shop) -> None:
    run = shop.runs()[-1]
    ref = RunRef(shop.job, run["score_date"], run["run_id"])
    paths = [Path(shop.home.store, each) for each in (ref.reasons(0), ref.contributions(0))]
    for path in paths:
        path.write_bytes(b"x")
    tried = "INSERT INTO scoring.explanations (run_id, settings) VALUES (:run_id, '{}')"
    shop.home.sql(tried, run_id=run["run_id"])
    make_old(shop)
    assert prune(shop).gone == ()
    failed = "UPDATE scoring.explanations SET status = 'failed', reason = 'x' WHERE run_id = :run_id"
    shop.home.sql(failed, run_id=run["run_id"])
    [gone] = prune(shop).gone
    assert (gone.what, gone.size) == ("leftover files", 2)
    assert not any(path.exists() for path in paths)
