"""pipeline/reports/sections/estimates.py: what was expected stands beside what was measured."""

from typing import Any

from pipeline.estimation.estimate import Estimate
from pipeline.reports.queries import Record
from pipeline.reports.sections.estimates import Estimates, section
from tests.home import NIGHT

METRICS = Estimate(40, {"brier": (0.1, 0.2, 0.3), "roc_auc": (0.6, 0.7, 0.8)}).metrics()


def made(metrics: dict[str, float], outcomes: dict[str, float]) -> Estimates | None:
    """The section of a run with these figures."""
    empty: dict[str, Any] = {
        "parts": [],
        "features": {},
        "profiles": {},
        "rejected": [],
        "groups": {},
        "days": [],
    }
    none: dict[str, Any] = {"promise": None, "late": None, "previous": None, "following": None}
    return section(Record(run={"score_date": NIGHT}, metrics=metrics, outcomes=outcomes, **empty, **none))


def test_what_was_measured_outside_of_its_interval_is_marked() -> None:
    before, after = made(METRICS, {}), made(METRICS, {"brier": 0.31, "roc_auc": 0.8})
    assert before is not None
    assert after is not None
    assert [(figure.caption, figure.measured) for figure in before.figures] == [
        ("Brier score", None),
        ("ROC AUC", None),
    ]
    assert [figure.is_outside for figure in after.figures] == [True, False]


def test_without_an_estimate_there_is_no_section() -> None:
    assert made({"rows_scored": 3.0}, {"brier": 0.2}) is None
    withheld = made(Estimate(3).metrics(), {})
    assert withheld is not None
    assert withheld.figures == []
