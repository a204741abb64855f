"""Dates are bounded by the database, too: whoever has a session of the pipeline pins no view to the year 9999."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.home import Home
from tests.pipeline.shop import open_shop
from tests.sql.test_guards import begin

OUT_OF_BOUNDS = [
    "'infinity'",
    "'-infinity'",
    "'0044-01-01 BC'",
    "'1969-12-31'",
    "'9999-01-01'",
    "'10000-01-01'",
    "NULL",
]
RUN = """
INSERT INTO scoring.scoring_runs (job, score_date, trigger, dry_run, interval_start, interval_end, model_name,
    model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions)
VALUES ('job', {date}, '', false, now(), now(), '', 1, '', '', '', '', '{{}}')
"""
ALERT = """
INSERT INTO scoring.alerts (job, score_date, cause, recipient, title, body) VALUES ('job', {date}, '', '', '', '')
"""
MONTHS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'scoring.prediction_rows'::regclass"


@pytest.mark.parametrize("date", [*OUT_OF_BOUNDS, "NULL"])
@pytest.mark.parametrize("statement", ["SELECT scoring.ensure_partition({date})", RUN, ALERT])
def test_a_date_out_of_bounds_is_refused(home: Home, statement: str, date: str) -> None:
    months = home.sql(MONTHS)
    with pytest.raises(sa.exc.DatabaseError, match="score date .* is not between 1970-01-01 and 20"):
        home.sql(statement.format(date=date), "predictions")
    assert home.sql(MONTHS) == months


@pytest.mark.parametrize("role", ["predictions", "predictions_owner"])
def test_nobody_makes_months_ahead_without_end(home: Home, role: str) -> None:
    many = """
        SELECT count(scoring.ensure_partition(day::date))
        FROM generate_series(now(), now() + interval '3 years', interval '1 month') AS day
    """
    months = home.sql(MONTHS)
    with pytest.raises(sa.exc.DatabaseError, match="score date .* is not between"):
        home.sql(many, role)
    assert home.sql(MONTHS) == months


@pytest.mark.parametrize("ahead", [2, 300, 3000])
def test_no_fallback_is_served_for_a_night_to_come(home: Home, ahead: int) -> None:
    shop = open_shop(home)
    published = home.score(shop.job).run_id
    # By one reading of one clock: the day may change between two.
    serve = """
        SELECT served.refusal, day FROM CAST((now() AT TIME ZONE 'UTC')::date + CAST(:ahead AS integer) AS date) AS day,
            scoring.serve_last_published(:job, day, 'trigger', 'reason') AS served
    """
    [served] = home.sql(serve, "predictions", job=shop.job, ahead=ahead)
    assert (
        served["refusal"]
        == f"{shop.job} {served['day']}: the night has not come yet, so it cannot have failed"
    )
    newest = home.sql("SELECT DISTINCT run_id FROM scoring.latest_predictions WHERE job = :job", job=shop.job)
    assert newest == [{"run_id": published}]


def test_a_night_may_be_scored_ahead_and_a_run_of_long_ago_still_goes_on(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job, datetime.now(UTC).date() + timedelta(days=300))
    home.score(shop.job)
    assert begin(shop)
