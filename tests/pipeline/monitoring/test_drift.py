"""A night is unusual when it lies beyond what the training's own nights do."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.calibration import VOLUME
from pipeline.monitoring.drift import distances, psi
from pipeline.monitoring.profile import SCORE, Profile
from pipeline.monitoring.references import Reference
from tests.home import shop_rows
from tests.pipeline.monitoring.training import NIGHTS, START, look, night


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (lambda rows: rows.assign(amount=0.0), "amount"),
        (lambda rows: rows.assign(amount=rows["amount"].where(rows.index % 5 > 0)), "amount"),
        (lambda rows: rows.assign(amount=np.nan), "amount"),
        (lambda rows: rows.assign(channel=rows["channel"].replace("phone", "fax")), "channel"),
        (lambda rows: rows[rows["channel"] != "web"], "channel"),
        (lambda rows: rows.head(len(rows) // 3), VOLUME),
        (lambda rows: pd.concat([rows] * 3), VOLUME),
        (lambda rows: rows.assign(unseen=rows["unseen"] * 0.3), SCORE),
    ],
)
def test_a_fault_is_found_where_it_is(reference: Reference, fault: Any, what: str) -> None:
    day = START + timedelta(days=NIGHTS + 1)
    distances_now = look(reference, fault(night(np.random.default_rng(10), NIGHTS + 1)), day)
    assert distances_now[what].unusual
    assert distances_now[what].as_far == 0
    assert distances_now[what].of == NIGHTS


def test_few_rows_are_usual_on_the_day_that_has_few(reference: Reference) -> None:
    rows = night(np.random.default_rng(11), 6)
    assert not look(reference, rows, date(2024, 9, 1))[VOLUME].unusual  # a Sunday
    assert look(reference, rows, date(2024, 9, 3))[VOLUME].unusual


def test_a_night_without_rows_is_compared_with_nothing(reference: Reference) -> None:
    assert distances(reference, Profile.of(reference.bins), START, 0.05) == ()


def test_a_feature_that_never_varies_is_unusual_once_it_does(pinned: PinnedVersion) -> None:
    rows = shop_rows(400).assign(amount=50.0, channel="web", member=True)
    plain = references.build(rows, pinned.manifest)
    same = look(plain, rows.head(40).assign(unseen=0.5), START)
    assert not any(one.unusual for one in same.values())
    other = look(plain, rows.head(40).assign(unseen=0.5, member=[True] * 30 + [False] * 10), START)
    assert [what for what, one in other.items() if one.unusual] == ["member"]


def test_psi_is_none_between_equals_and_grows() -> None:
    one = np.array([50, 30, 20])
    assert psi(one, one) == 0
    assert 0 < psi(one, np.array([45, 35, 20])) < psi(one, np.array([20, 30, 50]))
