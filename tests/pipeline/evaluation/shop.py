"""A job with outcomes, its evaluation, and the metrics that were entered."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.evaluation.outcomes import evaluate
from pipeline.payloads import Evaluation
from tests.home import NIGHT, Home, shop_model
from tests.pipeline.shop import Shop, open_shop

BY = ("channel", "member")


class Visits(RegressorMixin, BaseEstimator):
    """Says that somebody spends ten a visit."""

    def fit(self, rows: pd.DataFrame, _: object) -> "Visits":
        self.feature_names_in_ = np.array(rows.columns)
        return self

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        return 10.0 * frame["visits"].to_numpy(dtype=np.float64)


def bought(rows: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """What became of each customer."""
    random = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(8 - rows["visits"] + random.normal(0, 2, len(rows))))
    return rows[["entity_id"]].assign(bought=random.random(len(rows)) < chance)


def name_outcomes(
    shop: Shop,
    rows: pd.DataFrame | pa.Table,
    *,
    keys: str = "",
    business: str = "",
    slices: Sequence[str] = (),
) -> None:
    """Give the shop's job these outcomes, and these slices."""
    table = shop.home.table(rows)
    (shop.home.path / "sql" / f"{shop.job}_outcomes.sql").write_text(f"SELECT * FROM {table}")
    if business:
        (shop.home.path / "sql" / f"{shop.job}_business.sql").write_text(business)
        keys += f'\nbusiness = "{shop.job}_business.sql"'
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    text = re.sub(r"slices = .*\n", "", path.read_text().split("\n[outcomes]")[0])
    text = text.replace("retries = 0\n", f"retries = 0\nslices = {json.dumps(slices)}\n")
    path.write_text(f'{text}\n[outcomes]\nquery = "{shop.job}_outcomes.sql"\ndelay_days = 3\n{keys}\n')


def look(shop: Shop, **options: Any) -> Evaluation:
    """Measure the shop's night."""
    return evaluate(shop.home.workspace, shop.home.read(shop.job), NIGHT, **options)


def kept(shop: Shop, column: str = "", value: str | None = "") -> dict[str, float]:
    """What an analyst reads of all, or of a group of the shop's published run."""
    query = """
        SELECT metric, value FROM scoring.outcome_metrics JOIN scoring.current_runs USING (run_id)
        WHERE job = :job AND slice_column = :column AND slice_value IS NOT DISTINCT FROM :value
    """
    rows = shop.home.sql(query, "analyst", job=shop.job, column=column, value=value)
    assert len(rows) == len({row["metric"] for row in rows})
    return {row["metric"]: row["value"] for row in rows}


def opened(home: Home, rows: pd.DataFrame, **options: Any) -> Shop:
    """A published night of these rows, by a model that knows its outcome."""
    model, reference = shop_model()
    home.model("shop", model, reference, outcome="bought")
    shop = open_shop(home, rows)
    home.score(shop.job, **options)
    return shop
