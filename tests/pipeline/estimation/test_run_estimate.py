"""pipeline/estimation/run_estimate.py: a run of a job with outcomes has an estimate, or says why it has none."""

import numpy as np
from sklearn.linear_model import LinearRegression

from pipeline.reports.report import report
from tests.home import SUPERUSER, Home, shop_rows
from tests.pipeline.evaluation import measured as drawn
from tests.pipeline.evaluation.measured import day
from tests.pipeline.evaluation.shop import bought, kept, look, name_outcomes, opened
from tests.pipeline.shop import Shop, open_shop

_COPY = """
INSERT INTO scoring.outcome_bins
SELECT copy, bin, rows, positives, called, score, score_squared, log_score, log_rest
FROM scoring.outcome_bins, unnest(CAST(:copies AS bigint[])) AS copy WHERE run_id = :run
"""
_QUALITY = """
SELECT outcomes, log_loss, estimate_runs, estimated_log_loss_low AS low, estimated_log_loss AS estimated,
       estimated_log_loss_high AS high, estimated_roc_auc, estimated_brier, estimated_accuracy
FROM scoring.model_quality WHERE run_id = :run AND slice_column = ''
"""


def measured_shop(home: Home, copies: int) -> Shop:
    """A job with one measured night, and so many days that are like it but for some noise."""
    shop = opened(home, shop_rows())
    name_outcomes(shop, bought(shop_rows()))
    first = look(shop).run_id
    figures = {name: kept(shop)[name] for name in ("log_loss", "brier", "roc_auc", "accuracy")}
    runs = []
    for number, noise in enumerate(np.random.default_rng(3).normal(0, 0.01, copies)):
        noisy = {name: value + noise for name, value in figures.items()}
        runs += drawn.measured(shop, [0.9], first=number + 1, **noisy)
    home.sql(_COPY, SUPERUSER, run=first, copies=runs)
    return shop


def test_a_run_is_estimated_before_its_outcomes_and_shows_both_afterwards(home: Home) -> None:
    shop = measured_shop(home, 30)
    run = home.score(shop.job, day(40)).run_id
    [row] = home.sql(_QUALITY, "analyst", run=run)
    assert (row["outcomes"], row["log_loss"], row["estimate_runs"]) == (None, None, 31)
    assert row["low"] < row["estimated"] < row["high"]
    assert all(0 <= row[f"estimated_{name}"] <= 1 for name in ("roc_auc", "brier", "accuracy"))
    page = report(home.workspace.predictions, home.path, run)
    assert "Estimated from 31 measured runs of this version" in page
    assert "not yet" in page
    measure = "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['log_loss'], ARRAY[:value])"
    home.sql(measure, "predictions", run=run, value=row["high"] + 1)
    [after] = home.sql(_QUALITY, "analyst", run=run)
    assert (after["log_loss"], after["estimated"]) == (row["high"] + 1, row["estimated"])
    assert "! outside" in report(home.workspace.predictions, home.path, run)


def test_too_few_measured_days_withhold_it_and_say_so(home: Home) -> None:
    shop = measured_shop(home, 11)
    run = home.score(shop.job, day(40)).run_id
    [row] = home.sql(_QUALITY, "analyst", run=run)
    assert (row["estimate_runs"], row["estimated"]) == (12, None)
    assert "withheld: 12 measured runs of this version, and 20 are needed" in report(
        home.workspace.predictions, home.path, run
    )


def test_measuring_again_replaces_what_is_learnt_from(home: Home) -> None:
    shop = opened(home, shop_rows())
    counts = (
        "SELECT sum(rows) AS rows, sum(positives) AS positives FROM scoring.outcome_bins WHERE run_id = :run"
    )
    rows = bought(shop_rows())
    for some in (rows[:40], rows):
        name_outcomes(shop, some)
        run = look(shop).run_id
        [seen] = home.sql(counts, run=run)
        assert (seen["rows"], seen["positives"]) == (len(some), some["bought"].sum())


def test_of_a_regression_none_is_defined_and_a_job_without_outcomes_asks_for_none(home: Home) -> None:
    rows = shop_rows()
    spent = rows[["visits"]].assign(spent=10.0 * rows["visits"])
    home.model("shop", LinearRegression().fit(spent[["visits"]], spent["spent"]), spent, outcome="spent")
    shop = open_shop(home, rows)
    named = "SELECT metric FROM scoring.run_metrics WHERE run_id = :run AND metric ~ '^estimate'"
    assert home.sql(named, run=home.score(shop.job).run_id) == []
    name_outcomes(shop, rows[["entity_id"]].assign(spent=1.0))
    run = home.score(shop.job, day(1)).run_id
    assert home.sql(named, run=run) == [{"metric": "estimate_defined"}]
    assert "defined for binary models alone" in report(home.workspace.predictions, home.path, run)
