"""Models of the shop: one that knows how its outcomes come about, and one that does not."""

from datetime import date, timedelta
from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.home import NIGHT, shop_rows
from tests.pipeline.evaluation.shop import bought

# As many dates as it takes to be decided.
DATES = 11


def day(number: int) -> date:
    """A date of the shop, from 0."""
    return NIGHT + timedelta(days=number)


def better(seed: int = 5) -> tuple[Any, pd.DataFrame]:
    """A model that looks at visits, and its reference."""
    return _fitted(seed, ("passthrough", ["visits", "member"]))


def worse(seed: int = 5) -> tuple[Any, pd.DataFrame]:
    """A model that looks at the channel alone, and its reference."""
    return _fitted(seed, (OneHotEncoder(handle_unknown="ignore"), ["channel"]))


def _fitted(seed: int, columns: tuple[Any, list[str]]) -> tuple[Any, pd.DataFrame]:
    rows = shop_rows(400, seed)
    reference = rows.drop(columns="entity_id").assign(bought=bought(rows, seed)["bought"])
    model = make_pipeline(make_column_transformer(columns), LogisticRegression(max_iter=1000))
    return model.fit(reference.drop(columns="bought"), reference["bought"]), reference
