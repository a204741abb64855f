"""pipeline/inspection/review.py: who decides reads why a run is held, and what publishing it would change."""

import pytest

from pipeline.errors import ScoringError
from pipeline.inspection import review
from tests.home import NIGHT
from tests.pipeline.shop import Shop


def describe(shop: Shop, run_id: int) -> str:
    """The text on a held run."""
    database_url = shop.home.workspace.predictions
    run = review.read(database_url, run_id)
    return review.describe(
        database_url, shop.home.read(shop.job), run, "Analysts keep\nwhat they have.", "http://r"
    )


def test_a_first_run_that_is_held_has_nothing_to_be_compared_with(shop: Shop) -> None:
    run_id = shop.hold()
    text = describe(shop, run_id)
    assert text.startswith(
        f"**{shop.job} {NIGHT}**, run {run_id}: 100 rows extracted, 0 rejected, 100 scored"
    )
    assert "Held because\n\n- min_rows: 100 rows were scored, and gate.min_rows is 1000" in text
    assert f"No run of {shop.job} is published yet, so there is nothing to compare it with." in text
    assert "Analysts keep what they have. Approve publishes" in text
    assert f'`scoring approve {run_id} --reason "WHY"`' in text
    assert "may decide" not in text


def test_it_is_compared_with_what_analysts_see_and_says_who_may_decide(shop: Shop) -> None:
    shown = shop.home.score(shop.job).run_id
    shop.change("visits = visits + 3", "entity_id LIKE '%3'")
    run_id = shop.hold()
    shop.configure("min_rows = 1", 'min_rows = 1\ndeciders = ["ada"]\nfour_eyes = true')
    text = describe(shop, run_id)
    assert f"Compared with run {shown} of {NIGHT}, which is published\n\n- " in text
    assert "10 of 100 changed" in text
    assert "Only these may decide: ada. Whoever triggered the run may not decide on it." in text


def test_a_triggers_last_run_is_given_where_it_waits(shop: Shop) -> None:
    database_url = shop.home.workspace.predictions
    trigger = shop.home.sql("SELECT trigger FROM scoring.scoring_runs WHERE run_id = :run", run=shop.hold())
    held = review.of_trigger(database_url, shop.job, trigger[0]["trigger"])
    assert held is not None
    assert (held.rows_scored, [finding.check for finding in held.findings]) == (100, ["min_rows"])
    done = shop.home.score(shop.job, trigger="another")
    assert done
    assert review.of_trigger(database_url, shop.job, "another") is None


def test_a_run_that_is_not_there_is_refused(shop: Shop) -> None:
    with pytest.raises(
        ScoringError, match="run 999999999 is not in the predictions database. Clear the task"
    ):
        review.read(shop.home.workspace.predictions, 999_999_999)
