"""pipeline/tasks/publish.py: analysts see each entity once, whatever is repeated, doubled, late or held."""

from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import NothingToDo
from pipeline.payloads import Publication
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import Held, PublishError
from pipeline.store.layout import RunRef
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.publish import publish
from pipeline.tasks.write import write
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, at_once, open_shop

NIGHT_LOCK = "SELECT scoring.lock_night(:job, :day)"
KEYS = """
SELECT count(*) AS published, count(DISTINCT idempotency_key) AS keys
FROM scoring.publications AS moved JOIN scoring.scoring_runs USING (run_id) WHERE moved.job = :job
"""


def test_every_entity_is_published_once(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    seen = shop.predictions()
    assert list(seen["entity_id"]) == list(shop_rows()["entity_id"])
    assert set(seen["run_id"]) == {done.run_id}
    assert (done.rows_extracted, done.rows_scored, done.rows_rejected, done.replaced_run_id) == (
        100,
        100,
        0,
        None,
    )


def test_entities_named_twice_are_refused_with_their_keys(shop: Shop) -> None:
    shop.home.score(shop.job)
    before = shop.predictions()
    shop.change("entity_id = 'customer-00003'", "entity_id IN ('customer-00004', 'customer-00090')")
    with pytest.raises(PublishError, match="entities doubled: entity customer-00003: 3 rows"):
        shop.home.score(shop.job)
    assert shop.home.last_run(shop.job)["status"] == "failed"
    assert shop.predictions().equals(before)


def test_the_keys_in_a_message_are_few(shop: Shop) -> None:
    shop.change("entity_id = left(entity_id, -1)")
    with pytest.raises(PublishError, match=r"(entity customer-000\d: 10 rows(; )?){5}, and more"):
        shop.home.score(shop.job)


def test_a_dry_run_publishes_nothing(shop: Shop) -> None:
    with pytest.raises(NothingToDo, match="a dry run, 100 rows scored and not published"):
        shop.home.score(shop.job, dry_run=True)
    run = shop.home.last_run(shop.job)
    assert (run["status"], run["status_reason"], run["rows_scored"]) == ("abandoned", "dry run", 100)
    assert shop.predictions().empty


def test_the_same_input_is_a_no_op_and_the_old_run_stays(shop: Shop) -> None:
    first = shop.home.score(shop.job)
    before = shop.predictions()
    with pytest.raises(NothingToDo, match=f"run {first.run_id} published the same input, model, code"):
        shop.home.score(shop.job)
    assert [run["status"] for run in shop.runs()] == ["published", "abandoned"]
    assert shop.predictions().equals(before)


def test_the_same_rows_beside_rejected_ones_are_another_input(shop: Shop) -> None:
    shop.home.score(shop.job)
    before = shop.predictions()
    nameless = f"INSERT INTO {shop.table} (visits) SELECT 1 FROM generate_series(1, 10)"
    shop.home.sql(nameless, "warehouse_owner")
    with pytest.raises(Held, match="10 of 110 rows were rejected"):
        shop.home.score(shop.job)
    assert shop.predictions().equals(before)


def test_a_dry_run_of_the_same_input_is_scored_all_the_same(shop: Shop) -> None:
    shop.home.score(shop.job)
    with pytest.raises(NothingToDo, match="a dry run, 100 rows scored"):
        shop.home.score(shop.job, dry_run=True)


def test_new_input_supersedes(shop: Shop) -> None:
    first = shop.home.score(shop.job)
    shop.change("visits = 0")
    second = shop.home.score(shop.job)
    assert second.replaced_run_id == first.run_id
    assert [run["status"] for run in shop.runs()] == ["superseded", "published"]
    assert set(shop.predictions()["run_id"]) == {second.run_id}


def test_going_back_to_an_earlier_input_is_published_again(shop: Shop) -> None:
    shop.home.score(shop.job)
    before = shop.predictions()
    shop.change("visits = visits + 1")
    shop.home.score(shop.job)
    shop.change("visits = visits - 1")
    third = shop.home.score(shop.job)
    after = shop.predictions()
    assert set(after["run_id"]) == {third.run_id}
    assert after["score"].equals(before["score"])


def test_a_night_that_shrinks_leaves_no_old_rows(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.query("SELECT * FROM {table} WHERE entity_id < 'customer-00010'")
    shop.home.score(shop.job)
    assert len(shop.predictions()) == 10


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("min_rows = 101", "100 rows were scored, and gate.min_rows is 101"),
        (
            "max_rejected_fraction = 0.01",
            r"2 of 102 rows were rejected \(2.0%\), and gate.max_rejected_fraction is 0.01",
        ),
    ],
)
def test_a_run_that_fails_its_gate_is_held(home: Home, gate: str, reason: str) -> None:
    rows = shop_rows(102)
    rows["entity_id"] = rows["entity_id"].where(rows.index < 100)
    shop = open_shop(home, rows if "fraction" in gate else None, gate=gate)
    with pytest.raises(Held, match=rf"is held: {reason}\. Analysts keep what they had"):
        home.score(shop.job)
    run = home.last_run(shop.job)
    assert run["status"] == "held"
    assert run["status_reason"] in reason.replace("\\", "")
    assert shop.predictions().empty


def test_a_gate_is_passed_at_its_very_bound(home: Home) -> None:
    rows = shop_rows(100)
    rows["entity_id"] = rows["entity_id"].where(rows.index < 95)
    shop = open_shop(home, rows, gate="min_rows = 95\nmax_rejected_fraction = 0.05")
    assert home.score(shop.job).rows_scored == 95


def test_two_publishes_of_one_run_at_once_publish_it_once(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    twice = [partial(shop.publish, run, written)] * 2
    done = at_once(shop.home, NIGHT_LOCK, twice, job=shop.job, day=NIGHT)
    assert isinstance(done[0], Publication)
    assert done[0] == done[1]
    assert [run["status"] for run in shop.runs()] == ["published"]
    assert len(shop.predictions()) == 100


def test_a_publish_whose_answer_was_lost_is_told_the_same_again(shop: Shop) -> None:
    older = shop.home.score(shop.job)
    shop.change("visits = visits + 1")
    run = shop.extract()
    written = shop.write(run)
    verdict = log_metrics(shop.home.workspace, shop.home.read(shop.job), run, written)
    first = publish(shop.home.workspace, shop.home.read(shop.job), run, verdict)
    before = shop.runs()
    assert publish(shop.home.workspace, shop.home.read(shop.job), run, verdict) == first
    assert first.replaced_run_id == older.run_id
    assert shop.runs() == before


def test_of_two_runs_of_the_same_scores_one_is_published(shop: Shop) -> None:
    runs = [shop.extract() for _ in range(2)]
    first, second = ((run, shop.write(run)) for run in runs)
    shop.publish(*first)
    with pytest.raises(Superseded, match=f"run {runs[0].run_id} published the same input, model, code"):
        shop.publish(*second)
    assert [run["status"] for run in shop.runs()] == ["published", "abandoned"]


def test_of_eight_runs_of_the_same_scores_at_once_one_is_published(home: Home) -> None:
    shop = open_shop(home, shop_rows(20))
    for number in range(3):
        shop.change(f"visits = {number}")
        runs = [(run, shop.write(run)) for run in [shop.extract() for _ in range(8)]]
        eight = [partial(shop.publish, run, written) for run, written in runs]
        done = at_once(shop.home, NIGHT_LOCK, eight, job=shop.job, day=NIGHT)
        [publication] = [result for result in done if isinstance(result, Publication)]
        assert all(isinstance(result, Superseded) for result in done if result != publication)
        assert set(shop.predictions()["run_id"]) == {publication.run_id}
        assert shop.home.sql(KEYS, job=shop.job) == [{"published": number + 1, "keys": number + 1}]


def test_a_publish_that_is_late_is_superseded(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    verdict = log_metrics(shop.home.workspace, shop.home.read(shop.job), run, written)
    publish(shop.home.workspace, shop.home.read(shop.job), run, verdict)
    shop.change("visits = visits + 1")
    newer = shop.home.score(shop.job)
    with pytest.raises(Superseded, match=f"run {run.run_id} is superseded"):
        publish(shop.home.workspace, shop.home.read(shop.job), run, verdict)
    assert set(shop.predictions()["run_id"]) == {newer.run_id}


def test_a_hold_whose_answer_was_lost_is_told_again(home: Home) -> None:
    shop = open_shop(home, gate="min_rows = 101")
    run = shop.extract()
    written = shop.write(run)
    verdict = log_metrics(shop.home.workspace, shop.home.read(shop.job), run, written)
    for _ in ("heard", "not heard"):
        with pytest.raises(Held, match=f"run {run.run_id} .* is held: 100 rows were scored"):
            publish(shop.home.workspace, shop.home.read(shop.job), run, verdict)


def test_what_a_killed_try_left_unfinished_is_gone_when_the_run_is_published(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    folder = Path(shop.home.store, RunRef.of(run).folder)
    left = folder / "scored-00001.parquet.0123.tmp"
    left.write_bytes(b"half of a part")
    before = set(folder.iterdir()) - {left}
    shop.publish(run, written)
    assert set(folder.iterdir()) == before | {folder / "run.json"}


@pytest.mark.parametrize(
    ("where", "seen"),
    [
        ("entity_id = 'customer-00050'", "part 1: 39 rows in the table, 40 in the ledger"),
        ("part = 2", "part 2: 0 rows in the table, 20 in the ledger"),
    ],
)
def test_the_audit_finds_missing_rows(shop: Shop, where: str, seen: str) -> None:
    run = shop.extract()
    written = shop.write(run)
    shop.home.sql(
        f"DELETE FROM scoring.prediction_rows WHERE run_id = :run_id AND {where}", run_id=run.run_id
    )
    with pytest.raises(PublishError, match=f"rows missing: {seen}"):
        shop.publish(run, written)
    assert shop.predictions().empty


def test_the_audit_finds_rows_of_a_part_that_the_ledger_does_not_have(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    stray = (
        "UPDATE scoring.prediction_rows SET part = 9 WHERE run_id = :run_id AND entity_id = 'customer-00001'"
    )
    shop.home.sql(stray, run_id=run.run_id)
    with pytest.raises(PublishError, match="part 9: 1 rows in the table, 0 in the ledger"):
        shop.publish(run, written)


def test_a_run_with_an_unwritten_part_is_not_published(shop: Shop) -> None:
    run = shop.extract()
    scored = shop.predict(run)
    written = [write(shop.home.workspace, shop.home.read(shop.job), part) for part in scored[:2]]
    with pytest.raises(PublishError, match="parts unfinished: part 2: 20 extracted, none scored, 0 rejected"):
        shop.publish(run, written)
    assert shop.predictions().empty
