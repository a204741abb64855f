"""What the sample's challenger achieves: a part of `python -m benchmarks.models`.

It is trained on January to September by the sample's own function, and meets the champion of January to June on each
date of October to December, which neither has seen. `scoring train` and `scoring replay` say the same of published
dates, which lack those that the gate has held.
"""

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.nights import Nights
from benchmarks.spoil import Floats
from models.flight_delay.training import make_model
from pipeline.challenger import paired_test
from pipeline.challenger.paired_test import WRONG
from pipeline.monitoring.references import LEAST_OUTCOMES

UNTIL = date(2013, 9, 30)
_LEAST = float(np.finfo(np.float64).eps)


def figures(flights: Nights) -> list[tuple[str, str]]:
    """Train the challenger, and hold both against the outcomes of each later date.

    Args:
        flights: the sample's nights, with the champion that scores them.
    """
    assert flights.actual is not None  # noqa: S101 the sample has outcomes
    nights = {**flights.before, **flights.later}
    names = [column.name for column in flights.manifest.columns]
    outcomes = {day: flights.actual(day, rows) for day, rows in nights.items()}
    seen = [day for day in sorted(nights) if day <= UNTIL]
    rows, outcome = pd.concat([nights[day] for day in seen]), np.concatenate([outcomes[day] for day in seen])
    has = ~np.isnan(outcome)
    model = make_model().fit(rows[names][has], outcome[has] == 1)
    differences = []
    for day in sorted(set(nights) - set(seen)):
        true = outcomes[day]
        scores = flights.score(nights[day]), model.predict_proba(nights[day][names])[:, 1]
        if (~np.isnan(true)).sum() >= LEAST_OUTCOMES:
            champion, challenger = (_loss(each, true) for each in scores)
            differences.append(champion - challenger)
    test = paired_test.compare(differences, WRONG)
    between = (
        "" if test.low is None or test.high is None else f", between {test.low:+.4f} and {test.high:+.4f}"
    )
    return [
        (
            f"the sample's challenger, trained until {UNTIL}, on {test.days} later dates",
            f"{test.verdict}: its log loss is lower by {test.mean:+.4f} a day{between}",
        )
    ]


def _loss(scores: Floats, true: Floats) -> float:
    has = ~np.isnan(true)
    chances = np.clip(np.where(true == 1, scores, 1 - scores)[has], _LEAST, 1 - _LEAST)
    return float(-np.log(chances).mean())
