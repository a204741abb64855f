"""pipeline/extraction/ahead.py: the same items, whoever takes them, and nothing goes on behind a closed door."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.ahead import ahead


@given(st.lists(st.integers()))
def test_the_items_come_in_their_order(items: list[int]) -> None:
    assert list(ahead(iter(items))) == items


@given(st.integers(0, 9))
def test_what_an_item_raises_comes_in_its_place(failing: int) -> None:
    def items() -> Iterator[int]:
        yield from range(failing)
        raise ValueError("no more")

    taken: list[int] = []
    with pytest.raises(ValueError, match="no more"):
        taken.extend(ahead(items()))
    assert taken == list(range(failing))


def test_the_next_items_are_taken_meanwhile() -> None:
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    with closing(ahead(items())) as taken:
        assert next(taken) == 1
        assert second.wait(60)


def test_few_are_taken_ahead_and_none_after_it_is_closed() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    before = threading.active_count()
    with closing(ahead(items())) as taken:
        next(taken)
    assert len(made) <= 4
    assert threading.active_count() == before
