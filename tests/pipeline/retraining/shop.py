"""A job of the small shop over some weeks, with outcomes, that trains its model again."""

import re
from datetime import date, timedelta

import pandas as pd

from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import bought

FIRST, DAYS, LAST = date(2024, 3, 1), 4, date(2024, 3, 4)
CODE = """
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def train(rows):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["channel"]), ("passthrough", ["visits", "member"])
    )
    features = rows[["amount", "visits", "channel", "member"]]
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, rows["bought"])
"""
SECTIONS = """
[outcomes]
query = "{job}_outcomes.sql"
delay_days = 3

[training]
function = "training/shop.py:train"
window_days = {days}
minimum_rows = 100
folds = 2
{training}
"""


def open_training(home: Home, *, code: str = CODE, training: str = "") -> str:
    """A job with 40 rows a day, one in twenty of which has no outcome yet; returns its name.

    Args:
        home: where it is.
        code: of the training function.
        training: further keys of [training].
    """
    model, reference = shop_model()
    earlier = (date(2023, 1, 1), date(2023, 6, 30))
    home.model("shop", model, reference, outcome="bought", training_window=earlier)
    days = [shop_rows(40, seed).assign(day=FIRST + timedelta(days=seed)) for seed in range(DAYS)]
    rows = pd.concat(days, ignore_index=True)
    results = [bought(day, seed).assign(day=day["day"].to_numpy()) for seed, day in enumerate(days)]
    outcomes = pd.concat(results, ignore_index=True).astype({"bought": "object"})
    outcomes.loc[::20, "bought"] = None
    sources, labels = home.table(rows), home.table(outcomes)
    columns = "entity_id, amount, visits, channel, member"
    job = home.job(f"SELECT {columns} FROM {sources} WHERE day = :score_date ORDER BY entity_id", "shop")
    (home.path / "sql" / f"{job}_outcomes.sql").write_text(
        f"SELECT entity_id, bought FROM {labels} WHERE day = :score_date"
    )
    path = home.path / "dags" / f"{job}.toml"
    path.write_text(path.read_text() + SECTIONS.format(job=job, days=DAYS, training=training))
    write_code(home, code)
    return job


def write_code(home: Home, code: str) -> None:
    """Write the training function."""
    (home.path / "training").mkdir(exist_ok=True)
    (home.path / "training" / "shop.py").write_text(code)


def configure(home: Home, job: str, old: str, new: str) -> None:
    """Change the job file."""
    path = home.path / "dags" / f"{job}.toml"
    before = path.read_text()
    path.write_text(re.sub(old, new, before))
    assert path.read_text() != before
