"""pipeline/monitoring/first_run/evidence.py: of two tests one decides, and `worse` is heard from either."""

from datetime import date

import pytest

from pipeline.monitoring.first_run.evidence import Challenged, Paired
from tests.pipeline.monitoring.first_run.promotions import evidence_of


def paired(verdict: str, dates: int) -> Paired:
    values = {"verdict": verdict, "dates": dates, "mean": 0.0, "low": None, "high": None, "evidence": 0.0}
    return Paired.model_validate(values)


@pytest.mark.parametrize(
    ("replayed", "as_challenger", "verdict"),
    [
        (("better", 28), None, "better"),
        (("undecided", 0), None, "none"),
        (("better", 28), ("undecided", 3), "better"),
        (("undecided", 28), ("better", 90), "better"),
        (("undecided", 28), ("better", 27), "undecided"),
        (("better", 28), ("undecided", 28), "undecided"),
        (("better", 28), ("worse", 12), "worse"),
        (("worse", 12), ("better", 90), "worse"),
        (("undecided", 0), ("better", 12), "better"),
    ],
)
def test_the_test_with_more_dates_decides(
    replayed: tuple[str, int], as_challenger: tuple[str, int] | None, verdict: str
) -> None:
    day = date(2024, 1, 1)
    beside = Challenged(first=day, last=day, paired=paired(*as_challenger)) if as_challenger else None
    evidence = evidence_of("nightly").model_copy(update={"paired": paired(*replayed), "challenger": beside})
    assert evidence.verdict == verdict
