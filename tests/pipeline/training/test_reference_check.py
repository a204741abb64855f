"""`check` reads some dates of the reference again, and says where the query gives other values."""

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pipeline import training_frame
from pipeline.tasks import preflight
from pipeline.tasks.preflight import CheckResult
from tests.home import Home
from tests.pipeline.training.rates import FIRST, LAST, QUERY, write_query


def rated_job(home: Home, rated: str, read: pd.DataFrame) -> str:
    """A job whose model was trained on a frame."""
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    home.model("rates", model.fit(read[["rate", "visits", "member"]], read["rate"] > 0.5), read)
    return home.job(QUERY.format(table=rated, more=""), "rates")


def finding(home: Home, job: str) -> CheckResult:
    """What `check` says of the reference."""
    findings = preflight.check(home.read(job), home.workspace, LAST)
    return next(each for each in findings if each.what == "reference")


@pytest.mark.parametrize("with_entities", [True, False])
def test_check_compares_the_reference_with_the_warehouse(home: Home, rated: str, with_entities: bool) -> None:
    frame = training_frame(write_query(home, "rates.sql", rated), FIRST, LAST)
    kept = frame if with_entities else frame.drop(columns="entity_id")
    job = rated_job(home, rated, kept)
    days = "2024-02-26, 2024-02-28, 2024-03-01"
    detail = f"180 of its rows, of {days}, compared with the query's: every value is the same"
    assert finding(home, job) == CheckResult("reference", True, detail)
    # A correction is told, and no failure.
    home.sql(f"UPDATE {rated} SET visits = 1000 WHERE entity_id = 'e7' AND day = 2", "warehouse_owner")
    corrected = finding(home, job)
    assert corrected.passed
    assert "column 'visits': 1 of 180 values, such as 7" in corrected.detail
    # As a driver reads `real` that widens its bits.
    widened = kept.assign(rate=kept["rate"].astype("float32").astype("float64"))
    refused = finding(home, rated_job(home, rated, widened))
    assert not refused.passed
    assert "column 'rate': 180 of 180 values, such as 0." in refused.detail
    assert "Read the training rows with training_frame" in refused.detail
    home.sql(f"DELETE FROM {rated} WHERE day < 4 OR entity_id < 'e4'", "warehouse_owner")
    gone = finding(home, job)
    assert not gone.passed
    assert "of 60 rows are not among those that the query gives" in gone.detail
    home.sql(f"DELETE FROM {rated}", "warehouse_owner")
    empty = finding(home, job)
    assert empty.passed
    assert (
        "no rows of 2024-02-26, 2024-02-28, 2024-03-01 any more: its values cannot be compared"
        in empty.detail
    )


def test_a_reference_without_score_dates_says_so(home: Home, rated: str) -> None:
    frame = training_frame(write_query(home, "rates.sql", rated), FIRST, LAST)
    comparison = finding(home, rated_job(home, rated, frame.drop(columns="score_date")))
    assert comparison.passed
    assert "it has no column 'score_date', so nobody can say whether" in comparison.detail
