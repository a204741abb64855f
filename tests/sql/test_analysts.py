"""sql/schema/views: what analysts' views show, and that each says what it is."""

from datetime import timedelta
from typing import Any

import pytest

from tests.home import NIGHT, Home
from tests.pipeline.shop import Shop, open_shop

VIEWS = ("latest_predictions", "drift_history", "model_quality")


def test_the_latest_predictions_are_the_last_published_night_of_each_job(shop: Shop) -> None:
    other = open_shop(shop.home)
    days = [
        NIGHT,
        NIGHT + timedelta(days=2),
        NIGHT + timedelta(days=1),
    ]  # a night in between is filled in last
    for day in days:
        shop.change("visits = visits + 1")
        shop.home.score(shop.job, day)
    other.home.score(other.job, NIGHT)
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Exception, match="held"):
        shop.home.score(shop.job, NIGHT + timedelta(days=3))
    query = "SELECT * FROM scoring.latest_predictions WHERE job IN (:one, :two) ORDER BY job, entity_id"
    rows = shop.home.sql(query, "analyst", one=shop.job, two=other.job)
    expected = [
        row
        for name, day in sorted([(shop.job, days[1]), (other.job, NIGHT)])
        for row in shop.home.predictions(name).query("score_date == @day").to_dict("records")
    ]
    assert len(expected) == 200
    assert rows == expected


def test_model_quality_is_a_row_a_night_and_group_of_what_analysts_see(shop: Shop) -> None:
    home = shop.home
    first = home.score(shop.job).run_id
    shop.change("visits = visits + 1")
    second = home.score(shop.job).run_id
    for run_id in (first, second):
        statement = """SELECT scoring.replace_outcomes(:run_id, ARRAY['', '', '', 'channel', 'channel'],
            ARRAY['', '', '', 'web', NULL], ARRAY['outcomes', 'roc_auc', 'business:cost', 'recall', 'recall'],
            ARRAY[90, 0.75, 3, 0.5, 0.25])"""
        home.sql(statement, run_id=run_id)
    query = """SELECT run_id, slice_column, slice_value, outcomes, roc_auc, recall, rmse FROM scoring.model_quality
        WHERE job = :job ORDER BY slice_column, slice_value"""
    assert [tuple(row.values()) for row in home.sql(query, "analyst", job=shop.job)] == [
        (second, "", "", 90, 0.75, None, None),
        (second, "channel", "web", None, None, 0.5, None),
        (second, "channel", None, None, None, 0.25, None),
    ]


def test_drift_history_has_every_feature_the_score_and_the_rows_of_what_analysts_see(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.change("visits = visits + 40")
    run_id = shop.home.score(shop.job).run_id
    query = """SELECT run_id, kind, feature, unusual, psi, missing_share FROM scoring.drift_history
        WHERE job = :job ORDER BY kind, feature"""
    rows = shop.home.sql(query, "analyst", job=shop.job)
    assert [(row["kind"], row["feature"]) for row in rows] == [
        *(("feature", name) for name in ("amount", "channel", "member", "visits")),
        ("rows", None),
        ("score", None),
    ]
    assert {row["run_id"] for row in rows} == {run_id}
    features = {row["feature"]: row for row in rows[:4]}
    assert features["visits"]["unusual"]
    assert features["visits"]["psi"] > 1 > features["member"]["psi"]
    assert features["amount"]["missing_share"] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_says_what_it_is(home: Home, view: str) -> None:
    rows = home.sql("SELECT obj_description(CAST(:view AS regclass)) AS said", view=f"scoring.{view}")
    assert rows[0]["said"]


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_says_what_it_is(home: Home, view: str) -> None:
    query = """SELECT attname, col_description(attrelid, attnum) AS said FROM pg_attribute
        WHERE attrelid = CAST(:view AS regclass) AND attnum > 0"""
    columns = home.sql(query, view=f"scoring.{view}")
    assert columns
    assert [column["attname"] for column in columns if not column["said"]] == []


@pytest.mark.parametrize("asked", ["", "AND entity_id = 'customer-00007'"])
def test_the_latest_night_is_read_from_its_own_month_alone(shop: Shop, asked: str) -> None:
    for month in range(4):
        shop.change("visits = visits + 1")
        shop.home.score(shop.job, NIGHT + timedelta(days=31 * month))
    shop.home.sql("ANALYZE scoring.prediction_rows")
    query = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM scoring.latest_predictions WHERE job = '{shop.job}' {asked}"
    read = {
        name
        for [plan] in [shop.home.sql(query, "analyst")[0]["QUERY PLAN"]]
        for name in tables_read(plan["Plan"])
    }
    newest = NIGHT + timedelta(days=31 * 3)
    assert {name for name in read if name.startswith("prediction_rows")} == {f"prediction_rows_{newest:%Y%m}"}


def tables_read(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan was really seen to read."""
    own = {plan["Relation Name"]} if "Relation Name" in plan and plan["Actual Loops"] else set()
    return own.union(*(tables_read(part) for part in plan.get("Plans", ())))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("role", ["analyst", "predictions"])
def test_who_may_read(home: Home, view: str, role: str) -> None:
    home.sql(f"SELECT * FROM scoring.{view} LIMIT 1", role)
    with pytest.raises(Exception, match="permission denied"):
        home.sql(f"SELECT * FROM scoring.{view} LIMIT 1", "predictions_janitor")
