"""pipeline/reports/pictures/axes.py: the words below a histogram tell its bins, and never run into one another."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.monitoring.bins import Bins
from pipeline.reports.pictures import axes


def test_numbers_are_named_by_the_edges_between_their_bins() -> None:
    labels = Bins("x", "edges", edges=(-3.2069, 0.00327869, 1439.4)).labels
    assert labels == ("< -3.2069", "[-3.2069, 0.00327869)", "[0.00327869, 1439.4)", ">= 1439.4", "null")
    ticks = [(round(place, 2), said) for place, said in axes.ticks(labels)]
    assert ticks == [(0.2, "-3.21"), (0.4, "0.00328"), (0.6, "1439"), (0.9, "null")]


def test_edges_of_any_size_are_read_as_they_were_written() -> None:
    labels = Bins("x", "edges", edges=(-1e-12, 1e15)).labels
    assert [said for _, said in axes.ticks(labels)] == ["-1e-12", "1e+15", "null"]


def test_categories_are_named_in_the_middle_of_their_bins_and_cut_where_they_are_long() -> None:
    assert axes.ticks(["EWR", "a long one indeed"]) == [(0.25, "EWR"), (0.75, "a long one…")]


@given(st.lists(st.text(max_size=30), min_size=2, max_size=30), st.sampled_from([23.0, 49.0]))
def test_words_leave_room_between_them(labels: list[str], letters: float) -> None:
    kept = axes.thinned(axes.ticks(labels), letters)
    assert kept
    sides = [side for tick in kept for side in axes.span(tick, letters)]
    assert sides == sorted(sides)
    assert -0.001 <= sides[0] <= sides[-1] <= 1.001


NUMBERS = st.floats(-1e6, 1e6, width=32)


@given(
    st.lists(
        st.one_of(NUMBERS, NUMBERS.map(lambda low: 1e6 + low / 1e3)), min_size=2, max_size=8, unique=True
    )
)
@example([1.2340, 1.2341])
@example([1234500.0, 1234600.0])
@example([100.2, 100.4])
def test_ticks_of_different_edges_differ(edges: list[float]) -> None:
    words = [word for _, word in axes.ticks(Bins("x", "edges", edges=tuple(sorted(edges))).labels)]
    # As many as the bins' own labels tell apart.
    assert len(set(words)) == len({f"{edge:.6g}" for edge in edges}) + 1
    least, most = axes.figures([min(edges), max(edges)])
    assert least != most


@given(st.lists(st.text("ab", min_size=8, max_size=30), min_size=2, max_size=12, unique=True))
def test_ticks_of_different_categories_differ(names: list[str]) -> None:
    words = [word for _, word in axes.ticks(names)]
    assert len(set(words)) == len(names)
    assert max(map(len, words)) <= 11
