"""pipeline/promotion/evidence.py: the dates that are looked at, and drift as a night would find it."""

from datetime import timedelta

import numpy as np
import pandas as pd

from pipeline.monitoring import references
from pipeline.promotion.evidence import _is_unusual, short
from tests.home import Home
from tests.pipeline.monitoring.training import NIGHTS, START, night, registered


def test_scores_are_as_unusual_as_a_night_would_find_them(home: Home) -> None:
    random = np.random.default_rng(7)
    nights = pd.concat([night(random, number) for number in range(NIGHTS)], ignore_index=True)
    reference = references.load(registered(home.path, nights))
    later = START + timedelta(days=NIGHTS)
    scores = random.beta(2, 5, 300)
    assert _is_unusual(reference, scores, later, 0.05) is False
    assert _is_unusual(reference, np.minimum(scores * 1.5, 1), later, 0.05) is True
    # Without scores in training no night looks at them.
    columns = {name: counts for name, counts in reference.counts.items() if name}
    bare = references.Reference(reference.bins, reference.training_days, columns)
    assert _is_unusual(bare, scores, later, 0.05) is None


def test_numbers_are_kept_in_six_digits() -> None:
    assert short(0.1 + 0.2) == 0.3
    assert short(123456789.0) == 123457000.0
