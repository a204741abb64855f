"""pipeline/monitoring/sliced/look.py: from `register` to the finding, its metrics and the page."""

from datetime import timedelta
from html import unescape

import pandas as pd

from pipeline.config.sections import GateSection
from pipeline.monitoring.references import Reference
from pipeline.monitoring.sliced.look import NAMED, SlicedRun, grid_of, look, not_looked_at, on_page
from pipeline.monitoring.sliced.rule import SliceDistance
from pipeline.reports.report import report
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.sliced.test_rule import night, spoilt
from tests.pipeline.monitoring.training import registered
from tests.pipeline.shop import open_shop


def metrics(home: Home, run_id: int) -> dict[str, float]:
    query = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id AND metric LIKE 'slice%'"
    return {row["metric"]: row["value"] for row in home.sql(query, "analyst", run_id=run_id)}


def test_a_fault_in_one_slice_is_told_from_register_to_the_page(
    home: Home, phone_nights: pd.DataFrame
) -> None:
    registered(home.path, phone_nights, ("channel",))
    shop = open_shop(home, spoilt(night()))
    shop.query("SELECT entity_id, amount, visits, channel, member FROM {table} ORDER BY entity_id")
    without = home.score(shop.job)
    assert metrics(home, without.run_id) == {}

    shop.configure("retries = 0", 'retries = 0\nslices = ["channel", "member"]')
    done = home.score(shop.job, NIGHT + timedelta(days=1))
    query = (
        "SELECT action, message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'slice_drift'"
    )
    [finding] = home.sql(query, run_id=done.run_id)
    assert finding["action"] == "warn"
    assert finding["message"].startswith("unusual in single slices: channel = phone: visits: PSI ")
    left = metrics(home, done.run_id)
    assert left["slices_unusualness"] > 1
    assert left["slices_without_counts"] == 1
    query = "SELECT feature, metric, value FROM scoring.feature_metrics WHERE run_id = :run_id AND metric LIKE 'slice%'"
    kept = {
        (row["feature"], row["metric"]): row["value"]
        for row in home.sql(query, "analyst", run_id=done.run_id)
    }
    assert set(kept) == {
        ("visits", "slice_psi:channel=phone"),
        ("visits", "slice_unusualness:channel=phone"),
    }
    assert f"PSI {kept['visits', 'slice_psi:channel=phone']:.2f}, above " in finding["message"]
    page = " ".join(unescape(report(home.server.connections["analyst"], home.path, done.run_id)).split())
    assert "channel = phone: visits: PSI" in page
    assert f"is at {left['slices_unusualness']:.2f} times the limit" in page
    assert "1 of the job's slices is not looked at one by one: the version has no counts" in page


def test_a_version_without_counts_is_told_how_to_get_them(sliced: Reference, unsliced: Reference) -> None:
    assert not_looked_at(sliced, ["channel", "member"]) == ""
    assert not_looked_at(unsliced, ["channel", "member"]) == (
        "; drift is not looked at within channel, member, as this version has no counts per slice: register it again "
        "with --slice channel --slice member"
    )
    assert grid_of(unsliced, ["channel"]).values == {}
    seen = look(unsliced, ["channel"], {}, 0.05, ((), ()))
    assert seen == SlicedRun(without=("channel",))
    assert seen.findings(GateSection()) == ()
    assert list(on_page(seen.metrics())) != list(on_page({})) == []


def test_a_finding_names_the_most_unusual_and_says_how_many_more() -> None:
    every = tuple(
        SliceDistance("channel", f"c{number}", "", 9.0 - number, 1.0, 0.5, 90) for number in range(NAMED + 2)
    )
    [finding] = SlicedRun(every, ("channel",)).findings(GateSection(drift="hold"))
    assert finding.action == "hold"
    assert (
        "channel = c0: the score: PSI 9.00, above 1.00; the farthest of 90 training days had 0.50"
        in finding.message
    )
    assert finding.message.endswith("; and 2 more")
    assert SlicedRun(every[:0], ("channel",)).findings(GateSection()) == ()
