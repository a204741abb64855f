"""Published scores are evaluated with outcomes, which come late, twice, wrong or not at all."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.errors import NothingToDo
from pipeline.evaluation.custom_metrics import CustomMetricError
from pipeline.evaluation.outcomes import OutcomeError
from pipeline.tasks import preflight
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, kept, look, name_outcomes
from tests.pipeline.maintenance.aging import age, prune
from tests.pipeline.shop import Shop, open_shop


def test_results_that_come_late_are_counted_and_a_rerun_replaces_everything(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(shop, rows[:40])
    look(shop)
    few = kept(shop)
    assert (few["entities"], few["outcomes"], few["coverage"]) == (100, 40, 0.4)
    again = look(shop)
    assert again.metrics == few == kept(shop)
    name_outcomes(shop, rows, business="SELECT count(*) AS rows FROM scores")
    look(shop)
    assert kept(shop)["coverage"] == 1
    assert kept(shop)["business:rows"] == 100
    name_outcomes(shop, rows)
    look(shop)
    assert "business:rows" not in kept(shop)


def test_a_night_that_is_not_published_is_skipped(home: Home) -> None:
    shop = open_shop(home)
    name_outcomes(shop, bought(shop_rows()))
    with pytest.raises(NothingToDo, match="2024-03-01: no run is published"):
        look(shop)


def test_a_job_without_outcomes_says_so(shop: Shop) -> None:
    with pytest.raises(
        OutcomeError, match=r"has no section \[outcomes\]. Add one, with query and delay_days"
    ):
        look(shop)


def test_a_night_that_is_scored_again_has_figures_of_its_own(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    first = look(shop)
    shop.change("visits = 0")
    shop.home.score(shop.job)
    second = look(shop)
    assert second.run_id > first.run_id
    assert second.metrics["mean_score"] < first.metrics["mean_score"]
    query = "SELECT value FROM scoring.outcome_metrics WHERE run_id = :run AND metric = 'mean_score'"
    assert shop.home.sql(query, run=first.run_id) == [{"value": first.metrics["mean_score"]}]


def test_scores_that_are_gone_leave_what_was_measured(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    before = look(shop)
    age(shop, 2)
    shop.configure(r"\[outcomes\]", "[retention]\npredictions_days = 1\n\n[outcomes]")
    prune(shop)
    with pytest.raises(NothingToDo, match="no run is published"):
        look(shop)
    query = "SELECT count(*) FROM scoring.outcome_metrics WHERE run_id = :run"
    assert shop.home.sql(query, run=before.run_id) == [{"count": len(before.metrics)}]


def test_a_job_has_figures_of_its_own(shop: Shop) -> None:
    rows = bought(shop_rows()).assign(paid=12.5)
    business = """
        SELECT sum(paid) FILTER (WHERE bought AND label = 'true') AS earned, count(DISTINCT channel) AS channels,
               :run_id AS run
        FROM scores LEFT JOIN results USING (entity_id)
    """
    name_outcomes(shop, rows, business=business, slices=BY)
    look(shop)
    metrics = {name: value for name, value in kept(shop).items() if name.startswith("business:")}
    joined = shop.predictions().merge(rows, on="entity_id")
    assert metrics == {
        "business:earned": 12.5 * (joined["bought"] & (joined["label"] == "true")).sum(),
        "business:channels": 3,
        "business:run": shop.home.last_run(shop.job)["run_id"],
    }


def test_business_figures_that_fail_leave_what_was_measured(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    before = look(shop).metrics
    name_outcomes(shop, bought(shop_rows()), business="SELECT score FROM scores")
    with pytest.raises(CustomMetricError, match=rf"{shop.job}_business.sql: more than one row"):
        look(shop)
    assert kept(shop) == before


def test_a_group_that_is_overlooked_is_told_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    overlooked(shop)
    done = look(shop)
    assert done.metrics["recall_gap_alarm:member"] == 1
    assert done.metrics["alarms"] == len(done.alarms)
    caplog.clear()
    printed = CliRunner().invoke(app, ["outcomes", shop.job, str(NIGHT)])
    # The command line shows the log's warnings, too.
    assert (printed.output + caplog.text).count(
        "groups differ more than chance allows: recall by member: "
    ) == 1


def test_only_the_function_writes_and_only_of_published_runs(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    look(shop)
    refused = "permission denied for table outcome_metrics"
    for role in ("predictions", "analyst"):
        with pytest.raises(sa.exc.ProgrammingError, match=refused):
            shop.home.sql("INSERT INTO scoring.outcome_metrics VALUES (1, '', '', 'mine', 1)", role)
        with pytest.raises(sa.exc.ProgrammingError, match=refused):
            shop.home.sql("DELETE FROM scoring.outcome_metrics", role)
    shop.change("visits = visits + 1")
    open_run = shop.extract().run_id
    call = "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['mine'], ARRAY[1.0])"
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {open_run} was never published"):
        shop.home.sql(call, "predictions", run=open_run)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function replace_outcomes"):
        shop.home.sql(call, "analyst", run=open_run)


def test_check_tries_the_outcomes_before_the_first_night(shop: Shop) -> None:
    def finding() -> preflight.CheckResult:
        results = preflight.check(shop.home.read(shop.job), shop.home.workspace, NIGHT)
        return next(one for one in results if one.what == "outcomes")

    rows = bought(shop_rows()).astype({"bought": "boolean"})
    rows.loc[:9, "bought"] = pd.NA
    name_outcomes(shop, rows, business="SELECT count(channel) AS channels FROM scores", slices=BY)
    assert finding().passed
    assert "90 of the first 100 rows of 2024-03-01 have an outcome in 'bought'; " in finding().detail
    name_outcomes(shop, rows, business="SELECT count(chanel) AS channels FROM scores", slices=BY)
    assert not finding().passed
    assert 'Referenced column "chanel" not found' in finding().detail
    name_outcomes(shop, rows.rename(columns={"bought": "purchased"}))
    assert "column 'bought', the outcome, is missing" in finding().detail
    assert kept(shop) == {}


def overlooked(shop: Shop) -> None:
    """Outcomes that every member's score fits, and no other's: a gap that no chance makes."""
    rows = shop_rows()
    late = shop.predictions().set_index("entity_id")["label"][rows["entity_id"]].to_numpy() == "true"
    outcomes = rows[["entity_id"]].assign(bought=np.where(rows["member"], late, ~late))
    name_outcomes(shop, outcomes, keys="min_group = 10", slices=BY)


@pytest.mark.parametrize(("last", "seen"), [(NIGHT, True), (NIGHT - timedelta(days=1), False)])
def test_a_date_that_the_model_was_trained_on_is_marked_and_raises_no_alarm(
    home: Home, last: date, *, seen: bool
) -> None:
    model, reference = shop_model()
    home.model("shop", model, reference, outcome="bought", training_window=(NIGHT - timedelta(days=60), last))
    shop = open_shop(home, shop_rows())
    home.score(shop.job)
    overlooked(shop)
    done = look(shop)
    assert done.metrics["in_sample"] == seen
    assert done.metrics["recall_gap:member"] > 0.5
    assert (done.metrics["recall_gap_alarm:member"], bool(done.alarms)) == (not seen, not seen)
    assert any("was trained on this score date" in note for note in done.notes) == seen
    query = "SELECT DISTINCT in_sample FROM scoring.model_quality WHERE job = :job"
    assert home.sql(query, "analyst", job=shop.job) == [{"in_sample": seen}]


def test_where_nobody_knows_the_training_days_nothing_is_said_of_them(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    assert "in_sample" not in look(shop).metrics
    query = "SELECT in_sample FROM scoring.model_quality WHERE job = :job"
    assert shop.home.sql(query, "analyst", job=shop.job) == [{"in_sample": None}]
