"""A job, a model, an alias and features may have any legal name, also one that means something here or in SQL."""

import itertools
from datetime import timedelta
from functools import cache
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from pipeline.evaluation.outcomes import evaluate
from pipeline.inspection.reproduce import reproduce
from pipeline.maintenance.erasure import erase
from pipeline.model import registry
from pipeline.reports.report import report
from tests import words
from tests.home import NIGHT, Home, shop_model, shop_rows

# What the tables, files and queries of a night call their own columns.
TAKEN = [
    "score",
    "label",
    "class_scores",
    "weight",
    "part",
    "run_id",
    "job",
    "row_number",
    "column_name",
    "rule",
]
COLUMNS = ["amount", "visits", "channel", "member", "bought"]

# A name may be drawn again, and is another night's then.
days = (NIGHT + timedelta(days=number) for number in itertools.count())


@cache
def scores() -> pd.Series:
    """The scores of the shop's rows under their usual names."""
    estimator, _ = shop_model()
    rows = shop_rows().set_index("entity_id")
    return pd.Series(estimator.predict_proba(rows[COLUMNS[:4]])[:, 1], rows.index, name="score")


def renamed(names: dict[str, str]) -> tuple[Any, pd.DataFrame]:
    """The shop's model and reference, with columns of other names."""
    _, reference = shop_model()
    reference = reference.rename(columns=names)
    encoder = (OneHotEncoder(handle_unknown="ignore"), [names["channel"]])
    columns = make_column_transformer(encoder, ("passthrough", [names["visits"], names["member"]]))
    estimator = make_pipeline(columns, LogisticRegression(max_iter=1000))
    features = reference[[names[column] for column in COLUMNS[:4]]]
    return estimator.fit(features, reference[names["bought"]]), reference


@given(
    st.lists(st.sampled_from([*TAKEN, *words.WORDS]), min_size=5, max_size=5, unique=True),
    st.lists(st.sampled_from(words.WORDS), min_size=2, max_size=2),
)
@settings(max_examples=4, suppress_health_check=list(HealthCheck))
def test_a_night_may_have_any_names(home: Home, columns: list[str], others: list[str]) -> None:
    (name, alias), day = others, next(days)
    names = dict(zip(COLUMNS, columns, strict=True))
    home.model(name, *renamed(names), alias=alias, outcome=names["bought"])
    table = home.table(shop_rows().assign(bought=True))
    given = ", ".join(f'{column} AS "{other}"' for column, other in names.items())
    home.job(f"SELECT entity_id, {given} FROM {table}", name, name=name)
    path = home.path / "dags" / f"{name}.toml"
    sliced = f'retries = 0\nslices = ["{names["channel"]}", "{names["member"]}"]'
    text = path.read_text().replace("retries = 0", sliced)
    text = text.replace(f'[model]\nname = "{name}"', f'[model]\nname = "{name}"\nalias = "{alias}"')
    path.write_text(f'{text}\n[outcomes]\nquery = "{name}.sql"\ndelay_days = 3\n')
    run_id = home.score(name, day).run_id
    seen = home.predictions(name).query(f"run_id == {run_id}").set_index("entity_id")
    pd.testing.assert_series_equal(seen["score"], scores().sort_index(), check_exact=False, rtol=1e-9)
    measured = evaluate(home.workspace, home.read(name), day)
    assert (measured.metrics["outcomes"], measured.metrics["base_rate"]) == (100, 1)
    assert reproduce(home.workspace, run_id).passed
    page = report(home.workspace.predictions, home.path, run_id)
    assert all(column in page for column in columns[:4])
    janitor = home.server.connections["predictions_janitor"]
    receipt = erase(janitor, home.store, name, "customer-00041", by="ada", reason="asked")
    assert (receipt.runs, receipt.prediction_rows) == (1, 1)
    versions, aliases = registry.versions(home.path, name)
    assert aliases[alias] == max(versions)
