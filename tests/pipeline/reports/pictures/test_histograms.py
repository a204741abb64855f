"""pipeline/reports/pictures/histograms.py: a run beside the training days, whatever number of bins."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.references import ENOUGH_DAYS, Reference
from pipeline.reports.pictures import histograms


def reference(bins: Bins, nights: int) -> Reference:
    """Training nights of one column that are all alike, with one row more a bin than the bin before."""
    days = tuple(date(2024, 1, 1) + timedelta(days=number) for number in range(nights))
    counts = np.tile(np.arange(1, len(bins.labels) + 1), (max(nights, 1), 1))
    return Reference({bins.column: bins}, days, {bins.column: counts})


def test_shares_beside_the_training_nights() -> None:
    bins = Bins("origin", "values", values=("EWR",))
    seen = histograms.spread("origin", dict.fromkeys(bins.labels, 1), reference(bins, ENOUGH_DAYS))
    assert seen.labels == ("EWR", "other", "null")
    assert seen.run == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert seen.reference == pytest.approx((1 / 6, 2 / 6, 3 / 6))
    assert seen.band is not None
    assert np.array(seen.band) == pytest.approx(np.array([[1, 1], [2, 2], [3, 3]]) / 6)


def test_no_band_without_nights_and_no_line_without_the_same_bins() -> None:
    bins = Bins("origin", "values", values=("EWR",))
    assert histograms.spread("origin", dict.fromkeys(bins.labels, 1), reference(bins, 0)).band is None
    for known in (
        None,
        reference(Bins("origin", "values", values=("JFK",)), 40),
        reference(Bins("b", "presence"), 40),
    ):
        seen = histograms.spread("origin", dict.fromkeys(bins.labels, 1), known)
        assert (seen.reference, seen.band) == (None, None)


def test_the_least_common_of_many_bins_are_drawn_as_one() -> None:
    bins = Bins("dest", "values", values=tuple(f"{number:03d}" for number in range(98)))
    tonight = {label: 100 if label == "000" else 0 for label in bins.labels}
    seen = histograms.spread("dest", tonight, reference(bins, 40))
    assert len(seen.labels) == len(seen.run) == histograms.MOST_BINS
    assert (seen.labels[0], seen.run[0], seen.labels[-1]) == ("000", 1.0, "77 others")
    assert seen.reference is not None
    assert sum(seen.reference) == pytest.approx(1)


def test_a_model_that_is_gone_is_no_reference(tmp_path: Path) -> None:
    assert histograms.reference_of(tmp_path, "gone", 1) is None
