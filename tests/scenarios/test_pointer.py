"""How the pointer moves: forward by itself, back in a person's name, and every move is kept."""

from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.runs import ledger
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.ledger import LedgerError, Superseded
from pipeline.runs.publications import Held, PublishError, move_pointer
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from tests.home import NIGHT, shop_model
from tests.pipeline.shop import Shop, open_shop


def publish(shop: Shop, assignment: str = "visits = visits + 1", **options: Any) -> int:
    """Change the night's rows and publish them anew; returns the run."""
    shop.change(assignment)
    return shop.home.score(shop.job, **options).run_id


def back(shop: Shop, to: int | None = None) -> tuple[int, int]:
    """Roll the night back, in ada's name."""
    return roll_back(shop.home.approver, shop.job, NIGHT, to=to, by="ada", reason="wrong prices")


def shown(shop: Shop) -> set[int]:
    """The runs that analysts see rows of."""
    return set(shop.predictions()["run_id"])


def moves(shop: Shop) -> list[tuple[Any, ...]]:
    """The night's publications, the oldest first."""
    query = """
        SELECT run_id, replaced_run_id, kind, by, reason FROM scoring.publications
        WHERE job = :job AND score_date = :day ORDER BY published_at
    """
    return [tuple(row.values()) for row in shop.home.sql(query, "analyst", job=shop.job, day=NIGHT)]


def scores(shop: Shop) -> Any:
    """What analysts see of the night."""
    return shop.predictions()[["entity_id", "score", "label", "run_id"]]


# Back


def test_the_run_published_before_is_shown_again(shop: Shop) -> None:
    first = publish(shop)
    before = scores(shop)
    second = publish(shop)
    assert back(shop) == (first, second)
    assert scores(shop).equals(before)
    published, left = shop.runs()
    assert (published["status"], published["status_reason"]) == ("published", None)
    assert (left["status"], left["status_reason"]) == ("superseded", "rolled back by ada: wrong prices")
    assert moves(shop) == [
        (first, None, "publish", None, None),
        (second, first, "publish", None, None),
        (first, second, "rollback", "ada", "wrong prices"),
    ]


def test_each_step_goes_one_run_further_back_and_any_run_can_be_named(shop: Shop) -> None:
    first, second, third = (publish(shop) for _ in range(3))
    assert back(shop) == (second, third)
    assert back(shop) == (first, second)
    with pytest.raises(
        LedgerError,
        match=f"{shop.job} 2024-03-01: no run was published before run {first}. Run {first} is published; "
        f"runs published before: {third}, {second}. `scoring runs {shop.job}` lists them",
    ):
        back(shop)
    assert back(shop, to=third) == (third, first)
    assert shown(shop) == {third}


def test_a_night_that_shrank_comes_back_whole(shop: Shop) -> None:
    first = publish(shop)
    shop.query("SELECT * FROM {table} WHERE entity_id < 'customer-00010'")
    publish(shop)
    assert len(shop.predictions()) == 10
    assert back(shop)[0] == first
    assert len(shop.predictions()) == 100


def test_only_a_run_that_was_published_for_that_night_can_be_named(shop: Shop) -> None:
    first, second = publish(shop), publish(shop)
    shop.change("visits = visits + 1")
    unpublished = shop.extract().run_id
    elsewhere = publish(open_shop(shop.home))
    for wrong in (unpublished, elsewhere, second, 0, -1, 2**62):
        with pytest.raises(
            LedgerError,
            match=f"run {wrong} is none that can be rolled back to. Run {second} is published; "
            f"runs published before: {first}",
        ):
            back(shop, to=wrong)
    assert shown(shop) == {second}


def test_a_night_that_was_never_published_has_nothing_to_roll_back(shop: Shop) -> None:
    shop.extract()
    with pytest.raises(LedgerError, match=f"{shop.job} 2024-03-01: no run is published"):
        back(shop)


def test_a_run_whose_rows_were_cleaned_up_is_not_shown_again(shop: Shop) -> None:
    first, second = publish(shop), publish(shop)
    shop.home.sql("DELETE FROM scoring.prediction_rows WHERE run_id = :run AND part = 1", run=first)
    with pytest.raises(
        LedgerError, match=f"run {first} has 60 of its 100 rows left. Runs published before: {first}"
    ):
        back(shop)
    assert shown(shop) == {second}


@pytest.mark.parametrize(("by", "reason"), [("", "why"), ("ada", ""), (" ", "why"), ("ada", "\n")])
def test_nobody_decides_without_a_name_and_a_reason(shop: Shop, by: str, reason: str) -> None:
    uri = shop.home.approver
    with pytest.raises(LedgerError, match="A decision needs a name and a reason"):
        roll_back(uri, shop.job, NIGHT, by=by, reason=reason)
    with pytest.raises(LedgerError, match="A decision needs a name and a reason"):
        decide(uri, 1, approve=True, by=by, reason=reason)


# Forward


def test_later_runs_publish_on_top(shop: Shop) -> None:
    first, second = publish(shop), publish(shop)
    back(shop)
    third = publish(shop)
    assert shown(shop) == {third}
    assert moves(shop)[-1] == (third, first, "publish", None, None)
    assert back(shop) == (second, third)


def test_what_was_rolled_back_is_published_anew_when_it_is_scored_anew(shop: Shop) -> None:
    first, second = publish(shop), publish(shop)
    back(shop)
    assert shop.home.score(shop.job).run_id > second
    assert shown(shop).isdisjoint({first, second})


def test_a_run_older_than_one_that_was_rolled_back_does_not_publish_by_itself(shop: Shop) -> None:
    first = publish(shop)
    shop.change("visits = visits + 1")
    late = shop.extract()
    written = shop.write(late)
    newest = publish(shop)
    back(shop)
    with pytest.raises(
        Superseded, match=f"run {newest} is newer and was published before it was rolled back"
    ):
        shop.publish(late, written)
    assert shop.status(late.run_id) == "abandoned"
    assert shown(shop) == {first}


def test_the_note_of_a_try_that_broke_off_is_no_reason_against_a_whole_run(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    workspace, job = shop.home.workspace, shop.home.read(shop.job)
    load_model(workspace, job, run)
    log_metrics(workspace, job, run, written)
    ledger.close(workspace.predictions, run.run_id, "failed", "OperationalError: of another try")
    assert move_pointer(workspace.predictions, run.run_id) is None
    assert shown(shop) == {run.run_id}
    assert shop.runs()[0]["status_reason"] is None


def test_a_held_run_is_published_in_a_persons_name_only(shop: Shop) -> None:
    first = publish(shop)
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        publish(shop)
    held = shop.runs()[-1]["run_id"]
    with pytest.raises(Superseded, match=f"run {held} is held"):
        move_pointer(shop.home.workspace.predictions, held)
    decide(shop.home.approver, held, approve=True, by="ada", reason="a quiet day")
    assert moves(shop) == [
        (first, None, "publish", None, None),
        (held, first, "approval", "ada", "a quiet day"),
    ]


def test_the_ledger_is_checked_again_by_who_moves_the_pointer(shop: Shop) -> None:
    run = shop.extract()
    uri = shop.home.workspace.predictions
    with pytest.raises(
        PublishError, match=f"run {run.run_id} of {shop.job} 2024-03-01 is not published: .*0 of 3 parts"
    ):
        move_pointer(uri, run.run_id)
    shop.write(run)
    with pytest.raises(
        PublishError, match="does not add up: 3 of 3 parts written, 100 rows extracted, 100 scored, 0"
    ):
        move_pointer(uri, run.run_id)  # nobody has counted its scores
    shop.home.sql("UPDATE scoring.scoring_runs SET rows_scored = 99 WHERE run_id = :run", run=run.run_id)
    with pytest.raises(PublishError, match="does not add up"):
        move_pointer(uri, run.run_id)
    shop.home.sql("UPDATE scoring.scoring_runs SET rows_scored = 100 WHERE run_id = :run", run=run.run_id)
    shop.home.sql(
        "UPDATE scoring.run_parts SET rows_scored = NULL WHERE run_id = :run AND part = 2", run=run.run_id
    )
    with pytest.raises(PublishError, match="2 of 3 parts written"):
        move_pointer(uri, run.run_id)
    assert shop.predictions().empty


def test_a_dry_run_is_not_published_whoever_asks(shop: Shop) -> None:
    run = shop.extract(dry_run=True)
    shop.write(run)
    with pytest.raises(PublishError, match="it is a dry run"):
        move_pointer(shop.home.workspace.predictions, run.run_id)


# An older model


def test_an_older_model_that_nobody_named_is_refused_before_any_work(shop: Shop) -> None:
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    first = publish(shop, model_version=2)
    runs = len(shop.runs())
    with pytest.raises(
        LedgerError,
        match=f"model shop version 1 is older than version 2, with which run {first} of {shop.job} 2024-03-01 is "
        "published. What is published stays. If the older one is meant, name it: --model-version 1, or the Param "
        "model_version. Else correct the alias in models/shop/versions.toml",
    ):
        publish(shop)
    assert (len(shop.runs()), shown(shop)) == (runs, {first})
    assert publish(shop, model_version=1) > first


def test_an_older_model_that_nobody_named_is_refused_by_the_database_in_the_end(shop: Shop) -> None:
    old = publish(shop)
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    new = publish(shop, model_version=2)
    back(shop, to=old)
    late = shop.extract()
    written = shop.write(late)
    back(shop, to=new)
    with pytest.raises(
        PublishError, match=f"run {late.run_id} .* is not published: model shop version 1 is older"
    ):
        shop.publish(late, written)
    assert (shop.status(late.run_id), shown(shop)) == ("failed", {new})


def test_a_dry_run_of_an_older_model_changes_nothing_and_is_let_through(shop: Shop) -> None:
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    publish(shop, model_version=2)
    assert shop.extract(dry_run=True).model_version == 1


def test_another_model_is_neither_older_nor_newer(shop: Shop) -> None:
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    publish(shop, model_version=2)
    shop.home.model("other", *shop_model(seed=3))
    shop.configure('name = "shop"', 'name = "other"')
    run = publish(shop)
    assert (shown(shop), shop.runs()[-1]["model_version"]) == ({run}, 1)


# What was shown when


def test_what_analysts_saw_at_any_time_can_be_asked(shop: Shop) -> None:
    seen = []
    for step in (publish, publish, back, publish):
        step(shop)
        now = shop.home.sql("SELECT clock_timestamp() AS now")[0]["now"]
        seen.append((now, scores(shop)))
    query = """
        SELECT entity_id, score, label, run_id FROM scoring.past_predictions WHERE run_id = (
            SELECT run_id FROM scoring.publications
            WHERE job = :job AND score_date = :day AND published_at <= :moment
            ORDER BY published_at DESC LIMIT 1)
        ORDER BY entity_id
    """
    for moment, saw in seen:
        rows = shop.home.sql(query, "analyst", job=shop.job, day=NIGHT, moment=moment)
        assert rows == saw.to_dict("records")


def test_runs_that_were_never_published_are_in_no_view(shop: Shop) -> None:
    shop.write(shop.extract())
    for view in ("predictions", "past_predictions"):
        assert shop.home.sql(f"SELECT FROM scoring.{view} WHERE job = :job", "analyst", job=shop.job) == []


def test_moving_the_pointer_waits_for_no_reader_and_makes_none_wait(shop: Shop) -> None:
    first = publish(shop)
    look = sa.text("SELECT DISTINCT run_id FROM scoring.predictions WHERE job = :job")
    snapshot = {"isolation_level": "REPEATABLE READ"}
    with postgres.engine(shop.home.server.connections["analyst"]).connect() as session:
        reader = session.execution_options(**snapshot)
        assert list(reader.execute(look, {"job": shop.job}).scalars()) == [first]
        second = publish(shop)
        back(shop)
        assert list(reader.execute(look, {"job": shop.job}).scalars()) == [first]
    assert moves(shop)[1][0] == second
