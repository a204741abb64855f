"""pipeline/promotion/summary.py: what is kept does not depend on the machine; test_promote.py has the replay."""

from pipeline.promotion.summary import short


def test_numbers_are_kept_in_six_digits() -> None:
    assert short(0.1 + 0.2) == 0.3
    assert short(123456789.0) == 123457000.0
