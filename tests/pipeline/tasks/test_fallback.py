"""pipeline/tasks/fallback.py: what stands in for a run that failed, and that nobody takes it for the night itself."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import UsageError
from pipeline.inspection.reproduce import reproduce
from pipeline.maintenance.erasure import erase
from pipeline.model.artifact import ModelError
from pipeline.runs.decisions import decide
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import Held
from pipeline.tasks.fallback import FallbackError, previous, serve
from pipeline.tasks.preflight import check
from tests.home import NIGHT, Home, shop_model
from tests.pipeline.shop import Shop, open_shop

NEXT, LATER = NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)


@pytest.fixture
def shop(home: Home) -> Shop:
    opened = open_shop(home)
    opened.configure('owner = "tests"', 'owner = "tests"\nfallback = "last_published"')
    return opened


@pytest.fixture
def second(home: Home, shop: Shop) -> Shop:
    """A shop whose champion is version 2, and which falls back to version 1."""
    home.model("shop", *shop_model(seed=1))
    shop.configure('fallback = "last_published"', 'fallback = "champion_previous"')
    return shop


def stand_in(shop: Shop, day: Any = NEXT, trigger: str = "the night") -> str:
    """Serve the job's fallback for a night."""
    return serve(shop.home.workspace, shop.home.read(shop.job), day, trigger=trigger, reason="it failed")


def spoil(shop: Shop) -> None:
    """Change a byte of version 2's artefact."""
    path = shop.home.path / "models" / "shop" / "2" / "model.joblib"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def seen(shop: Shop, day: Any) -> pd.DataFrame:
    """What analysts see of one night."""
    query = "SELECT * FROM scoring.predictions WHERE job = :job AND score_date = :day ORDER BY entity_id"
    return pd.DataFrame(shop.home.sql(query, "analyst", job=shop.job, day=day))


def test_the_last_published_scores_are_served_again_and_say_so(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    first = shop.home.score(shop.job)
    shop.hold(NEXT)
    message = stand_in(shop)
    before, after = seen(shop, NIGHT), seen(shop, NEXT)
    assert f"the scores of {NIGHT} again (1 day old), marked served_by = 'last_published'" in message
    assert message not in caplog.text  # the command line prints it, and the log's warnings
    assert after[["entity_id", "score", "label"]].equals(before[["entity_id", "score", "label"]])
    assert set(before["served_by"]) == {"model"}
    assert set(before["staleness_days"]) == {0}
    assert set(after["served_by"]) == {"last_published"}
    assert set(after["staleness_days"]) == {1}
    run = shop.runs()[-1]
    assert (run["status"], run["source_run_id"]) == ("published", first.run_id)
    moves = shop.home.sql("SELECT reason FROM scoring.publications WHERE run_id = :run", run=run["run_id"])
    assert [move["reason"] for move in moves] == ["it failed"]


def test_scores_that_are_served_again_can_be_reproduced_and_erased(shop: Shop) -> None:
    shop.home.score(shop.job)
    stand_in(shop)
    run_id = shop.runs()[-1]["run_id"]
    assert reproduce(shop.home.workspace, run_id).passed
    janitor, store = shop.home.server.connections["predictions_janitor"], shop.home.store
    receipt = erase(janitor, store, shop.job, "customer-00042", by="ann", reason="asked to be")
    assert (receipt.runs, receipt.prediction_rows) == (2, 2)
    assert "customer-00042" not in set(shop.predictions()["entity_id"])


def test_a_fallback_of_a_fallback_says_how_old_it_really_is(shop: Shop) -> None:
    shop.home.score(shop.job)
    stand_in(shop)
    assert f"the scores of {NIGHT} again (2 days old)" in stand_in(shop, LATER)
    assert set(seen(shop, LATER)["staleness_days"]) == {2}


def test_serving_twice_changes_nothing(shop: Shop) -> None:
    shop.home.score(shop.job)
    assert stand_in(shop) == stand_in(shop)
    assert len(shop.runs()) == 2


def test_the_night_itself_takes_its_place_back(shop: Shop) -> None:
    shop.home.score(shop.job)
    stand_in(shop)
    shop.home.score(shop.job, NEXT)
    assert set(seen(shop, NEXT)["served_by"]) == {"model"}
    assert [run["status"] for run in shop.runs()] == ["published", "superseded", "published"]


def test_a_held_run_can_be_approved_though_its_fallback_is_younger(shop: Shop) -> None:
    shop.home.score(shop.job)
    run_id = shop.hold(NEXT)
    stand_in(shop)
    assert shop.runs()[-1]["run_id"] > run_id
    decide(shop.home.approver, run_id, approve=True, by="ann", reason="looked at it")
    assert set(seen(shop, NEXT)["run_id"]) == {run_id}


def test_a_night_that_is_published_stays_when_its_rescoring_fails(shop: Shop) -> None:
    shop.home.score(shop.job)
    good = shop.home.score(shop.job, NEXT)
    shop.change("visits = visits + 1")
    shop.hold(NEXT)
    assert f"analysts see run {good.run_id}, which its own run published before" in stand_in(shop)
    assert set(seen(shop, NEXT)["run_id"]) == {good.run_id}


def test_without_an_earlier_night_there_is_nothing_to_serve(shop: Shop) -> None:
    with pytest.raises(FallbackError, match="no earlier night is published that could be served again"):
        stand_in(shop)
    assert shop.runs() == []


def test_the_champions_predecessor_scores_when_the_champion_cannot_be_verified(second: Shop) -> None:
    spoil(second)
    with pytest.raises(ModelError, match="is not the registered model"):
        second.home.score(second.job)
    message = stand_in(second, NIGHT)
    state = seen(second, NIGHT)
    assert "scored by shop version 1, marked served_by = 'champion_previous'" in message
    assert set(state["model_version"]) == {1}
    assert set(state["served_by"]) == {"champion_previous"}
    assert set(state["staleness_days"]) == {0}
    assert len(state) == 100


def test_the_predecessors_night_has_to_pass_the_gate_too(second: Shop) -> None:
    second.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Held, match="gate.min_rows is 1000"):
        stand_in(second, NIGHT)
    assert seen(second, NIGHT).empty


def test_the_predecessor_serves_twice_as_once(second: Shop) -> None:
    assert stand_in(second, NIGHT) == stand_in(second, NIGHT)
    assert [run["status"] for run in second.runs()] == ["published", "abandoned"]


def test_the_predecessors_night_is_no_twin_of_a_night_that_is_meant(second: Shop) -> None:
    stand_in(second, NIGHT)
    meant = second.home.score(second.job, model_version=1)
    state = seen(second, NIGHT)
    assert set(state["run_id"]) == {meant.run_id}
    assert set(state["served_by"]) == {"model"}


def test_a_predecessor_that_is_missing_is_named_by_the_check(second: Shop) -> None:
    path = second.home.path / "models" / "shop" / "versions.toml"
    job = second.home.read(second.job)

    def finding() -> Any:
        return next(found for found in check(job, second.home.workspace, NIGHT) if found.what == "fallback")

    assert finding().passed
    path.write_text(path.read_text().replace("champion_previous", "somebody"))
    assert not finding().passed
    assert "has no alias 'champion_previous'" in finding().detail


@pytest.mark.parametrize(
    ("first", "reason"), [("fallback", "is newer and published"), ("own", "of the night itself")]
)
def test_the_database_keeps_a_fallback_below_the_night_itself(second: Shop, first: str, reason: str) -> None:
    pinned = previous(second.home.workspace, second.home.read(second.job))
    begun = {"fallback": {"pinned": pinned, "served_by": "champion_previous"}, "own": {}}
    runs = {who: second.extract(**begun[who]) for who in sorted(begun, reverse=first == "own")}
    written = {who: second.write(run) for who, run in runs.items()}
    second.publish(runs["own"], written["own"])
    with pytest.raises(Superseded, match=f"run {runs['own'].run_id}.* {reason}"):
        second.publish(runs["fallback"], written["fallback"])
    assert set(seen(second, NIGHT)["run_id"]) == {runs["own"].run_id}


def test_a_job_without_a_fallback_has_none(home: Home) -> None:
    shop = open_shop(home)
    with pytest.raises(UsageError, match=r'key fallback is "none".*Set fallback = "last_published" or'):
        stand_in(shop)
