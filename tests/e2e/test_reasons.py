"""Reasons under a real scheduler: what one part's task leaves goes with its part, also where another's has failed."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from local.airflow import Airflow
from local.rest import Rest
from tests.e2e.test_nights import TASKS, asked_job, ready, states
from tests.home import NIGHT, Home, shop_rows

pytestmark = pytest.mark.airflow

SECTIONS = "min_rows = 1\n\n[reasons]\norders = 4"


def test_a_part_that_cannot_be_explained_leaves_the_others_their_reasons_and_the_run_its_scores(
    nights_home: Home, airflow: Airflow, rest: Rest
) -> None:
    rows = shop_rows(450).fillna({"amount": 50.0})
    features = ["amount", "visits", "channel", "member"]
    # What it gives a row follows from all amounts before it in a batch, unless they are 0, as in two of three parts.
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["channel"]),
            (FunctionTransformer(np.cumsum, kw_args={"axis": 0}), ["amount"]),
            ("passthrough", ["visits", "member"]),
        ),
        LogisticRegression(max_iter=1000),
    ).fit(rows[features], rows["visits"] + 5 * rows["member"] > 12)
    nights_home.model("summing", model, rows[features].assign(amount=0.0))
    middle = rows.index // 150 == 1
    table = nights_home.table(rows.assign(amount=np.where(middle, rows["amount"], 0.0)))
    name = asked_job(
        nights_home, "why", f"SELECT * FROM {table} ORDER BY entity_id", "summing", gate=SECTIONS
    )
    ready(airflow, rest, name)
    run = rest.trigger(name, None, {"score_date": str(NIGHT)})
    assert rest.wait(name, run)["state"] == "success"
    ended = states(rest, name, run)
    tasks = (*TASKS, "begin_reasons", "explain", "end_reasons")
    expected = {task: {"success"} for task in tasks} | {"explain": {"success", "failed"}}
    assert {task: ended[task] for task in tasks} == expected

    assert len(nights_home.predictions(name)) == 450
    [done] = nights_home.sql(
        "SELECT done.status, reason, wanted, explained FROM scoring.explanations AS done "
        "JOIN scoring.scoring_runs USING (run_id) WHERE job = :job",
        job=name,
    )
    assert "miss a published score" in done.pop("reason")
    assert done == {"status": "incomplete", "wanted": 450, "explained": 300}
    seen = nights_home.sql(
        "SELECT DISTINCT entity_id FROM scoring.prediction_reasons WHERE job = :job", "analyst", job=name
    )
    assert {row["entity_id"] for row in seen} == set(rows["entity_id"][~middle])
