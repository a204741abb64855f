"""pipeline/tasks/preflight.py: what the first night would stumble over is said before it, and nothing is written."""

from typing import Any

from pipeline.maintenance import retention_days
from pipeline.tasks import preflight
from pipeline.tasks.preflight import CheckResult
from tests.home import NIGHT, Home
from tests.pipeline.extraction.loading import open_loading
from tests.pipeline.shop import Shop


def findings(shop: Shop, day: Any = NIGHT) -> dict[str, CheckResult]:
    """What was checked, by name."""
    job = shop.home.read(shop.job)
    return {finding.what: finding for finding in preflight.check(job, shop.home.workspace, day)}


def test_a_good_job_passes_everything(shop: Shop) -> None:
    results = findings(shop)
    names = [
        "job file",
        "model",
        "model's process",
        "predictor",
        "versions",
        "query and rows",
        "reference",
        "predictions database",
    ]
    assert list(results) == names
    assert all(finding.passed for finding in results.values())
    assert "shop version 1 (binary, 4 features): bytes as pinned" in results["model"].detail
    detail = results["predictions database"].detail
    assert detail.endswith(
        "; no [retention] of this job yet, so nothing of it is pruned until `migrate` has run"
    )
    retention_days.enter(shop.home.server.connections["predictions_owner"], [shop.home.read(shop.job)])
    assert findings(shop)["predictions database"].detail.endswith(", and the role may write")


def test_a_reference_that_was_altered_is_a_finding(shop: Shop) -> None:
    reference = shop.home.path / "models" / "shop" / "1" / "reference.parquet"
    reference.write_bytes(reference.read_bytes()[:-1])
    results = findings(shop)["model"]
    assert not results.passed
    assert "reference.parquet is not the registered reference" in results.detail


def test_a_slice_is_a_feature_of_the_model(shop: Shop) -> None:
    shop.configure("retries = 0", 'retries = 0\nslices = ["channel", "member"]')
    few = "; drift is not looked at within channel, member, as that takes 60 training days, and the version has 0"
    assert findings(shop)["slices"] == CheckResult("slices", True, f"by channel, member{few}")
    shop.configure('"member"', '"membr"')
    results = findings(shop)["slices"]
    assert not results.passed
    assert results.detail == (
        "column 'membr' is no feature of model shop version 1, and parts keep nothing else. Did you mean 'member'? "
        "Name some of: amount, visits, channel, member."
    )


def test_a_model_that_may_not_be_loaded_ends_what_needs_it(shop: Shop) -> None:
    (shop.home.path / "models" / "shop" / "1" / "model.joblib").write_bytes(b"")
    results = findings(shop)
    assert list(results) == ["job file", "model", "versions", "predictions database"]
    assert not results["model"].passed
    assert results["predictions database"].passed


def test_the_ready_query_is_asked_once_and_may_say_not_yet(home: Home) -> None:
    loading = open_loading(home)
    shop = loading.shop
    asked = findings(shop)["ready"]
    assert asked.passed
    assert asked.detail.startswith(
        "2024-03-01: the source is not ready, as ready.sql says, so the day is not scored"
    )
    loading.done()
    assert findings(shop)["ready"].detail == "2024-03-01: the source is ready, as ready.sql says"
    loading.ask("SELECT day, complete FROM {loads}")
    refused = findings(shop)["ready"]
    assert (refused.passed, refused.detail) == (
        False,
        "ready.sql: 2 columns: day, complete. Select one: a boolean, whether the rows of :score_date are complete.",
    )
    assert findings(shop)["query and rows"].passed
