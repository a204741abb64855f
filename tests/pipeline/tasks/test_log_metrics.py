"""pipeline/tasks/log_metrics.py: what a run looked like, the same however its rows were batched."""

from collections.abc import Iterator
from math import isclose
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.payloads import Cost, Written
from pipeline.runs.ledger import Superseded
from pipeline.runs.publications import Held
from pipeline.runtime.clock import by_the_clock
from pipeline.store.parts import PartError
from pipeline.tasks.log_metrics import log_metrics
from tests.pipeline.shop import Shop


def metrics(shop: Shop, run_id: int) -> dict[str, float]:
    """A run's metrics, as an analyst reads them."""
    query = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id"
    return {row["metric"]: row["value"] for row in shop.home.sql(query, "analyst", run_id=run_id)}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=8))
def test_seconds_of_stages_side_by_side_count_once(stages: list[tuple[int, int]]) -> None:
    costs = [Cost(began=began, seconds=seconds, peak_mb=0) for began, seconds in stages]
    ticks = {tick for began, seconds in stages for tick in range(began, began + seconds)}
    assert by_the_clock(costs) == len(ticks)


def test_a_nights_metrics_are_kept(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    kept_metrics, seen = metrics(shop, done.run_id), shop.predictions()
    assert (
        kept_metrics["rows_extracted"],
        kept_metrics["rows_rejected"],
        kept_metrics["rows_scored"],
        kept_metrics["parts"],
    ) == (
        100,
        0,
        100,
        3,
    )
    assert isclose(kept_metrics["score_mean"], seen["score"].mean())
    assert isclose(kept_metrics["score_std"], seen["score"].std(ddof=0))
    # Each is one entity's score, which an analyst finds in `predictions` once the run is published.
    query = (
        "SELECT value FROM scoring.run_metrics WHERE run_id = :run AND metric IN ('score_min', 'score_max')"
    )
    kept = {row["value"] for row in shop.home.sql(query, run=done.run_id)}
    assert kept == {seen["score"].min(), seen["score"].max()}
    assert not {"score_min", "score_max"} & kept_metrics.keys()
    assert kept_metrics["label_share:true"] == (seen["label"] == "true").mean()
    for stage in ("extract", "predict", "write", "log_metrics"):
        assert kept_metrics[f"{stage}_seconds"] >= 0
        assert kept_metrics[f"{stage}_peak_mb"] > 1
    for stage in ("extract", "predict", "write"):
        assert isclose(kept_metrics[f"{stage}_rows_per_second"], 100 / kept_metrics[f"{stage}_seconds"])


def test_the_seconds_of_a_run_are_the_clocks(shop: Shop) -> None:
    began = perf_counter()
    run_id = shop.home.score(shop.job).run_id
    whole, kept = perf_counter() - began, metrics(shop, run_id)
    stages = [kept[f"{stage}_seconds"] for stage in ("extract", "predict", "write")]
    # Stages side by side add up to more than the clock shows.
    assert stages[0] <= kept["seconds"] + 0.001 <= min(sum(stages), whole) + 0.002


def test_every_feature_has_its_counts(shop: Shop) -> None:
    shop.change("amount = NULL", "entity_id < 'customer-00010'")
    shop.change("amount = 5000", "entity_id = 'customer-00020'")
    shop.change("channel = 'pigeon'", "entity_id IN ('customer-00030', 'customer-00099')")
    nulls = shop.home.sql(f"SELECT count(*) FROM {shop.table} WHERE amount IS NULL", "warehouse_owner")[0][
        "count"
    ]
    done = shop.home.score(shop.job)
    query = "SELECT feature, metric, value FROM scoring.feature_metrics WHERE run_id = :run_id AND value > 0"
    kept_rows = {
        (row["feature"], row["metric"]): row["value"] for row in shop.home.sql(query, run_id=done.run_id)
    }
    assert kept_rows.pop(("amount", "null")) == nulls
    assert kept_rows.pop(("channel", "unknown_category")) == 2
    assert kept_rows.pop(("amount", "out_of_range")) >= 1
    assert kept_rows["amount", "missing_share"] == nulls / 100
    assert kept_rows["channel", "unknown_category_share"] == 0.02
    (amounts,) = shop.home.sql(
        "SELECT percentile_disc(0.1) WITHIN GROUP (ORDER BY amount) AS p10, percentile_disc(0.5) WITHIN GROUP "
        "(ORDER BY amount) AS median, percentile_disc(0.9) WITHIN GROUP (ORDER BY amount) AS p90 "
        f"FROM {shop.table}",
        "warehouse_owner",
    )
    assert {name: kept_rows["amount", name] for name in amounts} == amounts
    scores, kept = sorted(shop.predictions()["score"]), metrics(shop, done.run_id)
    quantiles = [kept[f"score_{name}"] for name in amounts]
    assert quantiles == pytest.approx([scores[9], scores[49], scores[89]], rel=0.005)
    assert not set(quantiles) & set(scores)
    assert {"mean", "psi"} <= {metric for feature, metric in kept_rows if feature == "amount"}


def test_a_retry_overwrites(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    job = shop.home.read(shop.job)
    first = log_metrics(shop.home.workspace, job, run, written)
    shop.home.sql("UPDATE scoring.run_metrics SET value = -1 WHERE run_id = :run_id", run_id=run.run_id)
    shop.home.sql("UPDATE scoring.feature_metrics SET value = -1 WHERE run_id = :run_id", run_id=run.run_id)
    assert log_metrics(shop.home.workspace, job, run, written) == first
    assert -1 not in metrics(shop, run.run_id).values()
    query = "SELECT count(*) FROM scoring.feature_metrics WHERE run_id = :run_id AND value = -1"
    assert shop.home.sql(query, run_id=run.run_id) == [{"count": 0}]


def test_the_metrics_are_of_the_very_bytes_that_were_written(shop: Shop) -> None:
    run = shop.extract()
    written = shop.write(run)
    other = written[0].model_copy(update={"part": written[0].part.model_copy(update={"sha256": "0" * 64})})
    with pytest.raises(PartError, match="is not what was written"):
        log_metrics(shop.home.workspace, shop.home.read(shop.job), run, [other, *written[1:]])


def test_what_was_found_is_kept_with_the_run(shop: Shop) -> None:
    shop.change("visits = NULL", "entity_id < 'customer-00010'")
    shop.configure("min_rows = 1", 'min_rows = 200\nrejected_fraction = "warn"')
    run = shop.extract()
    with pytest.raises(Held, match=r"90 rows were scored, and gate.min_rows is 200\. Analysts"):
        shop.publish(run, shop.write(run))
    query = (
        "SELECT check_name, action, message FROM scoring.findings WHERE run_id = :run_id ORDER BY check_name"
    )
    assert shop.home.sql(query, "analyst", run_id=run.run_id) == [
        {
            "check_name": "min_rows",
            "action": "hold",
            "message": "90 rows were scored, and gate.min_rows is 200",
        },
        {
            "check_name": "rejected_fraction",
            "action": "warn",
            "message": "10 of 100 rows were rejected (10.0%), and gate.max_rejected_fraction is 0.05",
        },
    ]


def test_metrics_that_come_late_change_nothing(shop: Shop) -> None:
    run = shop.extract()
    written, published = shop.write(run), list[object]()

    class Meanwhile(list[Written]):
        """The run is published by another try, once this one has begun to read its parts."""

        def __iter__(self) -> Iterator[Written]:
            if not published:
                published.append(shop.publish(run, written))
            return iter(written)

    with pytest.raises(Superseded, match=f"run {run.run_id} is published"):
        log_metrics(shop.home.workspace, shop.home.read(shop.job), run, Meanwhile())
