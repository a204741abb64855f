"""Nights of far too few or too many rows, and models that go wrong at night: what is published stays as it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.embedded.server import Embedded
from pipeline.errors import ScoringError
from pipeline.model.artifact import ModelError
from pipeline.model.scoring import PredictError
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.shop import Shop, open_shop

NIGHTS = 40


class Turning(ClassifierMixin, BaseEstimator):
    """A classifier that does its work on rows like those of training, and goes wrong where a visit is beyond them."""

    classes_ = np.array([False, True])

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities; what they become is told by the largest number of visits."""
        visits = frame["visits"].to_numpy(np.float64)
        scores = (visits % 20 + 1) / 22
        columns = np.column_stack([1 - scores, scores])
        worst = WORST.get(int(visits.max()))
        return worst(columns) if worst else columns

    def predict(self, frame: pd.DataFrame) -> Any:
        """Labels, as they follow from the probabilities."""
        return self.predict_proba(frame)[:, 1] > 0.5


def spoil(found: Any, *row: float) -> Any:
    """Probabilities of which one row is spoilt."""
    found[len(found) // 2] = row
    return found


# visits -> what becomes of the probabilities
WORST: dict[int, Callable[[Any], Any]] = {
    101: lambda found: spoil(found, np.nan, np.nan),
    102: lambda found: spoil(found, -np.inf, np.inf),
    103: lambda found: spoil(found, -0.5, 1.5),
    104: lambda found: found[:-1],
    105: lambda found: np.column_stack([found, found[:, 0]]),
    106: lambda found: np.tile([0.75, 0.25], (len(found), 1)),
}


@pytest.fixture(scope="module")
def home(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose model knows its training nights, of 90 to 110 rows each."""
    path = tmp_path_factory.mktemp("unusual")
    own_shop = Home(path / "home", server)
    nights = [
        shop_rows(90 + number % 21, number).assign(night=NIGHT - timedelta(days=NIGHTS - number))
        for number in range(NIGHTS)
    ]
    pd.concat(nights, ignore_index=True).to_parquet(path / "nights.parquet")
    known: dict[str, Any] = {"nights": path / "nights.parquet", "night_column": "night", "outcome": "bought"}
    own_shop.model("shop", *shop_model(), **known)
    own_shop.model("turning", Turning(), shop_model()[1], **known)
    return own_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    """A job of that model, with a published night of 100 rows."""
    own_shop = open_shop(home)
    own_shop.configure("min_rows = 1", 'min_rows = 1\nvolume = "hold"')
    home.score(own_shop.job)
    return own_shop


def resize(shop: Shop, rows: int) -> None:
    """Give the night so many rows, like those that it had."""
    shop.home.sql(f"TRUNCATE {shop.table}", "warehouse_owner")
    other = shop.home.table(shop_rows(rows, 1))
    shop.home.sql(f"INSERT INTO {shop.table} SELECT * FROM {other}", "warehouse_owner")


def findings(shop: Shop) -> dict[str, str]:
    """What the checks found in the newest run, and what the job says of it."""
    query = "SELECT check_name, action FROM scoring.findings WHERE run_id = :run_id"
    run_id = shop.runs()[-1]["run_id"]
    return {row["check_name"]: row["action"] for row in shop.home.sql(query, run_id=run_id)}


@pytest.mark.parametrize(("rows", "ratio"), [(10, r"0\.1\d?"), (1000, r"\d+\.\d\d")])
def test_a_night_of_a_tenth_or_of_ten_times_the_rows_is_held(shop: Shop, rows: int, ratio: str) -> None:
    before = shop.predictions()
    resize(shop, rows)
    usual = rf"{ratio} times the usual rows of that weekday \(none of {NIGHTS} training days was as far off\)"
    expected = f"unusual number of rows: {rows}, {usual}"
    with pytest.raises(Held, match=expected):
        shop.home.score(shop.job)
    assert findings(shop)["volume"] == "hold"
    assert shop.runs()[-1]["status"] == "held"
    pd.testing.assert_frame_equal(shop.predictions(), before)
    resize(shop, 104)
    assert shop.home.score(shop.job).rows_scored == len(shop.predictions()) == 104


@pytest.mark.parametrize("rows", [10, 1000])
def test_where_the_job_says_so_it_is_published_and_told(shop: Shop, rows: int) -> None:
    shop.configure('volume = "hold"', 'volume = "warn"')
    resize(shop, rows)
    assert shop.home.score(shop.job).rows_scored == len(shop.predictions()) == rows
    assert findings(shop)["volume"] == "warn"


@pytest.fixture
def turning(home: Home) -> Shop:
    """A job of the model that goes wrong, with a published night."""
    table = home.table(shop_rows())
    own_shop = Shop(home, home.job(f"SELECT * FROM {table} ORDER BY entity_id", "turning"), table)
    home.score(own_shop.job)
    return own_shop


@pytest.mark.parametrize(
    ("visits", "error", "message"),
    [
        (101, PredictError, "1 rows got no usable score.* The first rows are: customer-00050."),
        (102, PredictError, "1 rows got no usable score.* The first rows are: customer-00050."),
        (103, PredictError, "1 rows got no usable score.* The first rows are: customer-00050."),
        (104, ModelError, r"scores of shape \(99, 2\), expected \(100, 2\)"),
        (105, ModelError, r"scores of shape \(100, 3\), expected \(100, 2\)"),
    ],
)  # fmt: skip
def test_a_model_that_gives_no_scores_fails_the_night_naming_the_rows(
    turning: Shop, visits: int, error: type[ScoringError], message: str
) -> None:
    before = turning.predictions()
    turning.change(f"visits = {visits}", "entity_id = 'customer-00050'")
    with pytest.raises(error, match=message):
        turning.home.score(turning.job)
    assert turning.runs()[-1]["status"] == "failed"
    pd.testing.assert_frame_equal(turning.predictions(), before)
    turning.change("visits = 3", "entity_id = 'customer-00050'")
    done = turning.home.score(turning.job)
    seen = turning.predictions()
    assert len(seen) == done.rows_scored == 100
    assert set(seen["run_id"]) == {done.run_id}


def test_a_model_that_gives_everybody_the_same_score_holds_the_night(turning: Shop) -> None:
    before = turning.predictions()
    turning.change("visits = 106", "entity_id IN ('customer-00000', 'customer-00050', 'customer-00099')")
    with pytest.raises(Held, match=r"all 100 rows have the very same score, 0\.25"):
        turning.home.score(turning.job)
    assert findings(turning)["constant_score"] == "hold"
    pd.testing.assert_frame_equal(turning.predictions(), before)
