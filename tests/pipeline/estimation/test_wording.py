"""pipeline/estimation/wording.py: an estimate says what it is read off, and one that is not there says why."""

from pipeline.estimation.estimate import Estimate
from pipeline.estimation.wording import sentence


def test_it_says_what_it_is_read_off() -> None:
    words = sentence(Estimate(60, {"brier": (0.1, 0.2, 0.3)}).metrics())
    assert words is not None
    assert "Estimated from 60 measured runs of this version" in words
    assert "90% of runs" in words


def test_it_says_why_it_is_withheld() -> None:
    assert sentence(Estimate(12).metrics()) == (
        "The estimate is withheld: 12 measured runs of this version, and 20 are needed."
    )
    assert "1 measured run of" in str(sentence(Estimate(1).metrics()))
    assert "defined for binary models alone" in str(sentence({"estimate_defined": 0.0}))


def test_where_none_was_asked_for_it_says_nothing() -> None:
    assert sentence({"rows_scored": 10.0}) is None
