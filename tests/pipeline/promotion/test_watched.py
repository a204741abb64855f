"""pipeline/promotion/watched.py: drift of scores is as a night would find it."""

from datetime import timedelta

import numpy as np
import pandas as pd

from pipeline.monitoring import references
from pipeline.promotion.watched import is_unusual
from tests.home import Home
from tests.pipeline.monitoring.training import NIGHTS, START, night, registered


def test_scores_are_as_unusual_as_a_night_would_find_them(home: Home) -> None:
    random = np.random.default_rng(7)
    nights = pd.concat([night(random, number) for number in range(NIGHTS)], ignore_index=True)
    reference = references.load(registered(home.path, nights))
    later = START + timedelta(days=NIGHTS)
    scores = random.beta(2, 5, 300)
    assert is_unusual(reference, scores, later, 0.05) is False
    assert is_unusual(reference, np.minimum(scores * 1.5, 1), later, 0.05) is True
    # Without scores in training no night looks at them.
    columns = {name: counts for name, counts in reference.counts.items() if name}
    bare = references.Reference(reference.bins, reference.training_days, columns)
    assert is_unusual(bare, scores, later, 0.05) is None
