"""What has had its time goes; what is live stays, whoever works or reads meanwhile."""

import os
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.errors import NothingToDo
from pipeline.inspection.chain import verify
from pipeline.maintenance import janitor
from pipeline.maintenance.retention import Item, Pruned
from pipeline.reports.report import report
from pipeline.runs import history, ledger
from pipeline.runs.decisions import decide
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home
from tests.pipeline.maintenance.aging import age, enter, files, keep, prune, twice
from tests.pipeline.shop import Shop, locked, open_shop

# What goes, and what stays


def test_superseded_scores_go_and_published_ones_stay(shop: Shop) -> None:
    old, new = twice(shop)
    before = shop.predictions()
    age(shop, 91)
    keep(shop, parts_days=1000)
    assert prune(shop).gone == (Item(shop.job, NIGHT, old, "scores", rows=100),)
    assert (shop.rows(old), shop.rows(new)) == (0, 100)
    assert shop.predictions().equals(before)
    row = shop.runs()[0]
    assert row["expired_at"] <= row["rows_pruned_at"]
    assert len(history.show(shop.home.workspace.predictions, old)["ledger"]) == 3  # the ledger is history


def test_nothing_goes_before_its_time(shop: Shop) -> None:
    twice(shop)
    age(shop, 89)
    keep(shop, parts_days=90, rejected_values_days=90)
    assert prune(shop) == prune(shop, dry_run=True) == Pruned((), ())


def test_time_counts_from_when_a_run_was_superseded(shop: Shop) -> None:
    first = shop.home.score(shop.job).run_id
    age(shop, 1000)
    shop.change("visits = visits + 1")
    shop.home.score(shop.job)
    prune(shop)
    assert shop.rows(first) == 100


def test_a_dry_run_lists_what_goes_and_touches_nothing(shop: Shop) -> None:
    shop.change("channel = NULL", "entity_id IN ('customer-00001', 'customer-00041')")
    twice(shop)
    age(shop, 91)
    before = (shop.runs(), files(shop))
    listed = prune(shop, dry_run=True).gone
    assert (shop.runs(), files(shop)) == before
    assert [(item.what, item.rows) for item in listed] == [
        ("scores", 98), ("rejected rows", 2), ("rejected rows", 2), ("parts", None), ("parts", None),
    ]  # fmt: skip
    assert {item.size for item in listed if item.what == "parts"} <= set(range(1000, 100_000))
    assert sorted(prune(shop).gone, key=str) == sorted(listed, key=str)
    assert prune(shop, dry_run=True).gone == ()


def test_rejected_rows_and_parts_go_by_their_own_days(shop: Shop) -> None:
    shop.change("channel = NULL", "entity_id = 'customer-00001'")
    run = shop.home.score(shop.job).run_id
    age(shop, 10)
    keep(shop, parts_days=9, rejected_values_days=11)
    assert [item.what for item in prune(shop).gone] == ["parts"]
    assert files(shop) == []
    assert list((Path(shop.home.store) / shop.job).rglob("2024*")) == []
    keep(shop, parts_days=9, rejected_values_days=9)
    assert prune(shop).gone == (Item(shop.job, NIGHT, run, "rejected rows", rows=1),)
    assert len(shop.predictions()) == 99


def test_published_nights_go_where_the_job_says_so_as_a_whole(shop: Shop) -> None:
    run = shop.home.score(shop.job).run_id
    age(shop, 400)
    keep(shop, predictions_days=365, parts_days=1000)
    assert prune(shop).gone == (Item(shop.job, NIGHT, run, "scores", rows=100),)
    assert shop.predictions().empty
    assert shop.home.sql("SELECT FROM scoring.current_runs WHERE job = :job", job=shop.job) == []
    assert shop.runs()[0]["status_reason"] == "expired: predictions are kept 365 days"
    assert shop.home.score(shop.job).rows_scored == 100  # the night can be scored again


@pytest.mark.parametrize("days", [0.9, 1000])
def test_a_held_run_stays_however_old(shop: Shop, days: float) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    keep(shop, superseded_days=1, parts_days=1, rejected_values_days=1)
    age(shop, days)
    assert prune(shop).gone == ()
    run = int(shop.runs()[0]["run_id"])
    decide(shop.home.approver, run, approve=True, by="ada", reason="seen")
    assert len(shop.predictions()) == 100


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_open_run_stays_for_a_day_and_then_is_abandoned(shop: Shop, status: str) -> None:
    run = shop.extract()
    written = shop.write(run)
    if status == "failed":
        ledger.close(shop.home.workspace.predictions, run.run_id, "failed", "no memory")
    keep(shop, superseded_days=1, parts_days=1)
    age(shop, 0.9)
    assert prune(shop).gone == ()
    assert len(files(shop)) == 9
    age(shop, 0.2)
    assert [item.what for item in prune(shop).gone] == ["scores"]
    with pytest.raises(Superseded, match=f"run {run.run_id} is abandoned"):
        shop.publish(run, written)
    assert shop.runs()[0]["status_reason"] == (
        "no memory" if status == "failed" else "expired: no try went on with it"
    )
    age(shop, 1.1)
    assert [item.what for item in prune(shop).gone] == ["parts"]


def test_an_abandoned_runs_parts_go_after_a_day(shop: Shop) -> None:
    with pytest.raises(NothingToDo):
        shop.home.score(shop.job, dry_run=True)
    age(shop, 0.9)
    assert prune(shop).gone == ()
    age(shop, 0.2)
    assert [item.what for item in prune(shop).gone] == ["parts"]


def test_another_jobs_things_stay(home: Home) -> None:
    shop, other = open_shop(home), open_shop(home)
    for one in (shop, other):
        twice(one)
        age(one, 91)
    before = (other.runs(), [name for name in files(shop) if name.startswith(other.job)])
    prune(shop)
    assert before == (other.runs(), files(shop))


# Metrics


METRICS = (
    "run_metrics", "feature_metrics", "profiles", "outcome_metrics", "outcome_metrics_history", "outcome_bins",
    "source_checks",
)  # fmt: skip


def metrics(shop: Shop, run: int) -> list[int]:
    """How many rows each table of metrics has of a run."""
    query = "SELECT count(*) FROM scoring.{} WHERE run_id = :run"
    return [int(shop.home.sql(query.format(table), run=run)[0]["count"]) for table in METRICS]


def measure(shop: Shop, run: int) -> None:
    """Enter outcomes of a run and what its source gave again, as the pipeline does."""
    call = "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['roc_auc'], ARRAY[0.5])"
    shop.home.sql(call, "predictions", run=run)
    bins = ", ".join(["ARRAY[5]", *["ARRAY[1.0]"] * 7])
    shop.home.sql(f"SELECT scoring.replace_outcome_bins(:run, {bins})", "predictions", run=run)
    shop.home.sql("SELECT scoring.enter_source_check(:run, 9, 0, 0, 0, 0, 0, '{}')", "predictions", run=run)


def tell(shop: Shop, run: int, sent: int | None) -> None:
    """Keep a message about a run, sent so many days ago."""
    shop.home.sql(
        """INSERT INTO scoring.alerts (job, score_date, run_id, cause, recipient, title, body, sent_at)
           VALUES (:job, :night, :run, :cause, 'people', 'held', '', now() - make_interval(days => :sent))""",
        job=shop.job, night=NIGHT, run=run, cause=shop.home.name("cause"), sent=sent,
    )  # fmt: skip


def test_metrics_go_after_the_scores_and_published_runs_keep_theirs(shop: Shop) -> None:
    old, new = twice(shop)
    for run in (old, new):
        for _ in range(2):
            measure(shop, run)
        for sent in (99, 97, None):
            tell(shop, run, sent)
    kept = metrics(shop, new)
    age(shop, 99)
    before = verify(shop.home.workspace.predictions)  # which notices that time was made to pass
    keep(shop, parts_days=1000, rejected_values_days=1000, metrics_days=98)
    # Its metrics are not due while it has its scores.
    assert [item.what for item in prune(shop).gone] == ["scores"]
    assert metrics(shop, old) == kept
    listed = prune(shop, dry_run=True).gone
    assert listed == (Item(shop.job, NIGHT, old, "metrics", rows=sum(kept)),)
    assert prune(shop).gone == listed
    assert prune(shop) == Pruned((), ())
    assert all(kept)
    assert (metrics(shop, old), metrics(shop, new)) == ([0] * len(METRICS), kept)
    waiting = "SELECT run_id, count(*) FROM scoring.alerts WHERE job = :job GROUP BY run_id ORDER BY run_id"
    assert [row["count"] for row in shop.home.sql(waiting, job=shop.job)] == [2, 3]
    assert [run["metrics_pruned_at"] is not None for run in shop.runs()] == [True, False]
    # It is told apart from a run that measured nothing, and stays so.
    page = report(shop.home.server.connections["analyst"], shop.home.path, old)
    assert page.count("The job's retention deleted") == 3
    assert history.show(shop.home.workspace.predictions, old)["metrics"] == []
    with pytest.raises(sa.exc.ProgrammingError, match=f"the metrics of run {old} had their time"):
        measure(shop, old)
    # Runs were made older and the chain was not: by the chain, the old run expired too early.
    after = verify(shop.home.workspace.predictions)
    expired = {
        violation
        for violation in after.violations
        if violation.startswith(f"run {old} ") and "expired" in violation
    }
    assert set(after.violations) - set(before.violations) == expired


def test_metrics_of_what_was_never_shown_go_too(shop: Shop) -> None:
    run = shop.extract()
    shop.write(run)
    ledger.close(shop.home.workspace.predictions, run.run_id, "failed", "no memory")
    shop.home.sql("INSERT INTO scoring.run_metrics VALUES (:run, 'rows_scored', 1)", run=run.run_id)
    keep(shop, parts_days=1000, superseded_days=1, metrics_days=1)
    age(shop, 2)
    assert [item.what for item in prune(shop).gone] == ["scores"]
    assert prune(shop).gone == (Item(shop.job, NIGHT, run.run_id, "metrics", rows=1),)


def test_the_next_night_does_without_metrics_that_went(shop: Shop) -> None:
    shop.home.score(shop.job)
    age(shop, 2)
    keep(shop, parts_days=1000, rejected_values_days=1000, predictions_days=1, metrics_days=1)
    prune(shop)
    assert [item.what for item in prune(shop).gone] == ["metrics"]
    assert shop.home.score(shop.job).rows_scored == 100


def test_metrics_of_a_job_go_by_its_own_days_only(home: Home) -> None:
    shop, other = open_shop(home), open_shop(home)
    for job, days in ((shop, {}), (other, {"metrics_days": 1})):
        old, _ = twice(job)
        age(job, 1000)
        keep(job, superseded_days=1, **days)
        prune(job)
        before = metrics(job, old)
        gone = {item.what for item in prune(job).gone}
        assert (gone, metrics(job, old)) == (
            (set(), before) if job is shop else ({"metrics"}, [0] * len(METRICS))
        )
    # The janitor names a run, and neither days nor a rule.
    kept = shop.runs()[0]["run_id"]
    call = "SELECT scoring.expire_metrics(:run) AS rows"
    assert home.sql(call, "predictions_janitor", run=kept) == [{"rows": 0}]


def test_metrics_of_a_night_that_is_in_work_go_the_next_time(shop: Shop) -> None:
    old, _ = twice(shop)
    age(shop, 91)
    keep(shop, parts_days=1000, metrics_days=1)
    prune(shop)
    with locked(shop.home, "SELECT scoring.lock_night(:job, :night)", job=shop.job, night=NIGHT):
        pruned = prune(shop)
    assert pruned.gone == ()
    assert pruned.postponed == (f"run {old} of {shop.job} {NIGHT} is in work: left for the next time",)
    assert [item.what for item in prune(shop).gone] == ["metrics"]


# The store


def test_leftovers_go_after_a_day_and_strangers_stay(shop: Shop) -> None:
    run = shop.home.score(shop.job).run_id
    folder = Path(shop.home.store) / shop.job
    names = {
        "torn": f"{NIGHT}/{run}/part-00000.parquet.{'0' * 32}.tmp",
        "unknown": f"{NIGHT}/0/part-00000.parquet",
        "other night": f"2024-03-02/{run}/scored-00000.parquet",
    }
    strangers = [f"{NIGHT}/{run}/notes.txt", f"notes/{run}/part-00000.parquet", "part-00000.parquet"]
    strangers.append(f"{NIGHT}/999999999/part-00000.parquet")  # of another database
    for name in [*names.values(), *strangers]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert prune(shop).gone == ()
    yesterday = time.time() - 90_000
    for path in folder.rglob("*"):
        os.utime(path, (yesterday, yesterday))
    gone = prune(shop).gone
    assert {item.what for item in gone} == {"leftover files"}
    assert sum(item.size or 0 for item in gone) == 3
    assert {name for name in files(shop) if not name.endswith(("0.parquet", "1.parquet", "2.parquet"))} == {
        f"{shop.job}/{strangers[0]}",
        f"{shop.job}/{NIGHT}/{run}/run.json",
    }
    assert set(files(shop)) >= {f"{shop.job}/{name}" for name in strangers}
    assert len(files(shop)) == 10 + len(strangers)


def test_a_prune_killed_before_the_files_went_is_taken_up(shop: Shop) -> None:
    shop.home.score(shop.job)
    age(shop, 31)
    run = int(shop.runs()[0]["run_id"])
    enter(shop)
    janitor_of = shop.home.server.connections["predictions_janitor"]
    with janitor.session(janitor_of) as session:
        assert janitor.call(session, "SELECT scoring.expire_parts(:run)", run=run)
    assert [item.what for item in prune(shop).gone] == ["parts"]
    assert files(shop) == []


def test_a_prune_killed_between_two_batches_is_taken_up(shop: Shop) -> None:
    run, _ = twice(shop)
    age(shop, 91)
    keep(shop, parts_days=1000)
    enter(shop)
    with janitor.session(shop.home.server.connections["predictions_janitor"]) as session:
        assert janitor.call(session, "SELECT scoring.expire(:run)", run=run)
        first = session.execute(
            sa.text("SELECT * FROM scoring.find_rows(:run, 'scores')"), {"run": run}
        ).one()
        assert janitor.call(
            session, "SELECT scoring.delete_rows(:run, 'scores', :first, :until)",
            run=run, first=first[0], until=first[0] + 1,
        )  # fmt: skip
    prune(shop)
    assert shop.rows(run) == 0
    assert shop.runs()[0]["rows_pruned_at"]


# Who chooses the days


# Readers


# Races: FAULTS 41
