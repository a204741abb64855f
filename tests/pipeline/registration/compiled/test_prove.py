"""A predictor is kept where it has the estimator's bits and is faster in batches; a sentence says which was slower."""

import pytest

from pipeline.registration.compiled import prove
from pipeline.worker.compiled.predictor import BATCH, Proof


def proof(own: float, compiled: float, differing: int = 0) -> Proof:
    """Of so many microseconds a row."""
    return Proof(1000, differing, own * BATCH / 1e6, compiled * BATCH / 1e6)


@pytest.mark.parametrize("compiled", [0.0, 1.0, 9.4])
def test_what_is_faster_is_kept(compiled: float) -> None:
    assert prove._against(proof(10, compiled)) == ""


@pytest.mark.parametrize("compiled", [9.6, 10.0, 12.5])
def test_what_is_hardly_faster_or_slower_is_not(compiled: float) -> None:
    assert "only what is 5 % faster is kept" in prove._against(proof(10, compiled))


def test_a_sentence_says_by_how_much() -> None:
    assert prove._against(proof(10, 12.5)).startswith(
        "in batches it is 0.8 times as fast as the estimator (12.50 µs a row for 10.00)"
    )


def test_other_bits_count_before_speed() -> None:
    assert prove._against(proof(10, 1, differing=2)) == "2 of 1,000 rows get other bits than by the estimator"
