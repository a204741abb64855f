"""pipeline/reports/queries.py: a run that is not there is refused."""

import pytest

from pipeline.reports.queries import NoSuchRun
from tests.pipeline.reports.test_report import report
from tests.pipeline.shop import Shop


def test_a_run_that_is_not_there(shop: Shop) -> None:
    with pytest.raises(NoSuchRun, match="no run 999999"):
        report(shop.home, 999_999)
