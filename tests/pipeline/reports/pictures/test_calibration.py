"""pipeline/reports/pictures/calibration.py: rates beside scores, each with the interval that its rows allow."""

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.reports.pictures.calibration import Bin, calibration, interval
from tests.pipeline.reports.pictures.test_charts import read

BINS = st.builds(Bin, st.just("0.1-0.2"), st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e9))


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_interval_is_wilsons(hits: int, more: int) -> None:
    rows = hits + more
    bounds = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    low, high = interval(hits / rows, rows)
    assert abs(low - bounds.low) < 1e-4
    assert abs(high - bounds.high) < 1e-4
    assert interval(0.5, 0) == (0, 1)


@given(st.lists(BINS, max_size=10))
def test_every_bin_is_a_dot_inside_of_the_plot(bins: list[Bin]) -> None:
    drawn = read(calibration("a", bins))
    width, height = float(drawn.get("width", "")), float(drawn.get("height", ""))
    dots = drawn.findall("g/circle")
    assert len(dots) == len(bins)
    for dot in dots:
        x, y, r = (float(dot.get(name, "")) for name in ("cx", "cy", "r"))
        assert x - r >= 0
        assert x + r <= width
        assert y + r <= height
        assert y - r >= -3


def test_whoever_points_at_a_bin_or_listens_gets_its_numbers() -> None:
    bins = [Bin("0.1-0.2", 0.15, 0.12, 1200), Bin("0.8-0.9", 0.85, 0.6, 40)]
    drawn = read(calibration("Scores", bins))
    assert drawn.findtext("desc") == (
        "2 bins of the score. Farthest apart for scores 0.8-0.9: 0.85 scored, 0.6 came true."
    )
    assert drawn.findtext("g/title") == (
        "scores 0.1-0.2: 0.15 on average, 0.12 came true (0.103 to 0.14), 1,200 entities"
    )
