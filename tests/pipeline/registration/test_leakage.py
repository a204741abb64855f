"""pipeline/registration/leakage.py: what nobody knows when a run begins is no feature, and is refused."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.config.contract_section import RULES
from pipeline.contract.contract import ContractError
from pipeline.contract.infer import infer
from pipeline.model.artifact import ModelError
from pipeline.registration.leakage import reject_leakage
from pipeline.runs.publications import Held
from pipeline.tasks import preflight
from pipeline.tasks.preflight import CheckResult
from tests.home import NIGHT, Home, shop_model
from tests.pipeline.shop import Shop

NOTES = 1200  # more than a set of categories has


class Seconds(RegressorMixin, BaseEstimator):
    """A regressor of a time and a note."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The length of the note."""
        return np.array([len(note) for note in frame["note"]], dtype=np.float64)


def calls(rows: int = NOTES) -> pd.DataFrame:
    """When customers last called, and what was noted."""
    return pd.DataFrame(
        {
            "entity_id": [f"customer-{number}" for number in range(rows)],
            "called": pd.date_range("2024-01-01", periods=rows, freq="min", tz="UTC").as_unit("us"),
            "note": [f"note {number}" for number in range(rows)],
        }
    )


@pytest.fixture
def shop(home: Home) -> Shop:
    """A night of forty calls of a model of calls; its day ends at 05:00 UTC of 2 March."""
    home.model("calls", Seconds(), calls().drop(columns="entity_id"))
    table = home.table(calls(40))
    job = home.job(f"SELECT * FROM {table} ORDER BY entity_id", "calls", gate="max_rejected_fraction = 0")
    return Shop(home, job, table)


def checked(shop: Shop) -> CheckResult:
    """What `check` finds of the query's rows."""
    results = preflight.check(shop.home.read(shop.job), shop.home.workspace, NIGHT)
    return next(finding for finding in results if finding.what == "query and rows")


def counted(shop: Shop, run_id: int) -> dict[str, float]:
    """How often a rule of the contract was broken in any column."""
    query = "SELECT metric, value FROM scoring.feature_metrics WHERE run_id = :run_id AND value > 0"
    rows = {row["metric"]: row["value"] for row in shop.home.sql(query, "analyst", run_id=run_id)}
    return {rule: rows[rule] for rule in RULES if rule in rows}


ONE = "entity_id = 'customer-7'"


def test_a_time_of_the_future_is_refused_by_check_and_holds_the_night(shop: Shop) -> None:
    assert checked(shop).passed
    shop.change("called = '2024-03-02 05:00:00.000001Z'", ONE)
    results = checked(shop)
    assert not results.passed
    assert (
        "called: times after the end of 2024-03-01, which nobody knows when the run begins" in results.detail
    )
    with pytest.raises(
        Held, match=r"1 of 40 rows were rejected \(2.5%\), and gate.max_rejected_fraction is 0.0"
    ):
        shop.home.score(shop.job)


def test_a_time_of_the_future_is_counted_and_scored_where_the_job_says_so(shop: Shop) -> None:
    shop.configure(r"\[model\]", '[contract.columns.called]\nfuture = "warn"\n\n[model]')
    shop.change("called = '2024-03-03Z'", ONE)
    assert checked(shop).passed
    done = shop.home.score(shop.job)
    assert (done.rows_scored, counted(shop, done.run_id)) == (40, {"future": 1.0})


@pytest.mark.parametrize(
    ("assignment", "rule"),
    [
        ("note = repeat('x', 91)", "too_long"),
        ("called = '2023-12-31 23:59:59Z'", "out_of_range"),
        ("called = '-infinity'", "finite"),
        ("note = NULL", "null"),
    ],
)
def test_every_rule_can_hold_the_night(shop: Shop, assignment: str, rule: str) -> None:
    shop.configure(r"\[model\]", '[contract]\ntoo_long = "reject"\nout_of_range = "reject"\n\n[model]')
    shop.change(assignment, ONE)
    with pytest.raises(Held, match="1 of 40 rows were rejected"):
        shop.home.score(shop.job)
    query = "SELECT DISTINCT rule FROM scoring.rejections WHERE run_id = :run_id"
    rows = shop.home.sql(query, "analyst", run_id=shop.runs()[-1]["run_id"])
    assert rule in {row["rule"] for row in rows}


@pytest.mark.parametrize(
    ("assignment", "rule"),
    [("note = repeat('x', 91)", "too_long"), ("called = '2023-01-01Z'", "out_of_range")],
)
def test_what_is_only_strange_is_counted(shop: Shop, assignment: str, rule: str) -> None:
    shop.change(assignment, ONE)
    done = shop.home.score(shop.job)
    assert (done.rows_scored, counted(shop, done.run_id)) == (40, {rule: 1.0})


def test_a_reference_of_the_future_is_refused_unless_it_was_planned(home: Home) -> None:
    rows = calls().assign(score_date=pd.Timestamp("2024-01-01").date())
    rows.loc[3, "called"] = pd.Timestamp("2024-01-02 12:00:00.000001", tz="UTC")
    complaint = (
        "what is not known when a run scores is no feature: feature 'called' is after the score date in 1 rows, such "
        "as 2024-01-02 12:00:00.000001+00:00 for 2024-01-01. Train without it, or, where it is known in advance, "
        "register with --planned called."
    )
    with pytest.raises(ModelError, match=re.escape(complaint)):
        home.model("calls", Seconds(), rows[["called", "note", "score_date"]])
    planned = home.model("calls", Seconds(), rows[["called", "note", "score_date"]], planned=["called"])
    assert [column.planned for column in planned.manifest.columns] == [True, False]


def test_only_a_time_can_be_planned(home: Home) -> None:
    with pytest.raises(
        ContractError, match="'note' is planned, and is no timestamp that the model takes. Those are called"
    ):
        home.model("calls", Seconds(), calls(), planned=["note"])


OUTCOME = pd.Series([True, False] * 20)


@pytest.mark.parametrize(
    ("feature", "outcome", "copy"),
    [
        (OUTCOME, OUTCOME, True),
        (OUTCOME.map({True: "bought", False: "left"}), OUTCOME, True),
        (~OUTCOME, OUTCOME, True),
        (OUTCOME.astype("int8").replace({0: 7}), OUTCOME.astype("str"), True),
        (OUTCOME ^ (OUTCOME.index == 3), OUTCOME, False),
        (pd.Series(range(40)), OUTCOME, False),
        (pd.Series([True] + [False] * 39), pd.Series([True] + [False] * 39), False),
        (pd.Series([True] * 40), pd.Series([True] * 40), False),
        (pd.Series(np.arange(40.0)), pd.Series(np.arange(40)), True),
        (pd.Series(np.arange(40.0)).where(OUTCOME), pd.Series(np.arange(40.0)).where(OUTCOME), True),
        (pd.Series(np.arange(40.0) * 2), pd.Series(np.arange(40.0)), False),
        (pd.Series([None, 1] * 20, dtype="Int64"), pd.Series([None, 1.0] * 20), False),
        (pd.Series(range(40), dtype="Int64"), pd.Series(np.arange(40.0)), True),
        (pd.Series([f"order {number}" for number in range(40)]), pd.Series(np.arange(40)), False),
    ],
)
def test_a_copy_of_the_outcome_is_no_feature(feature: pd.Series, outcome: pd.Series, copy: bool) -> None:
    rows = pd.DataFrame({"x": feature, "bought": outcome})
    contract = infer(rows, ["x"])
    if not copy:
        reject_leakage(rows, contract, "bought", "rows.parquet")
        return
    with pytest.raises(
        ModelError, match="rows.parquet: .* feature 'x' says the same as the outcome 'bought' in every row"
    ):
        reject_leakage(rows, contract, "bought", "rows.parquet")


def test_check_refuses_a_model_that_takes_its_outcome(home: Home) -> None:
    estimator, reference = shop_model()
    folder = home.model("shop", estimator, reference).folder
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"outcome": null', '"outcome": "visits"'))
    job = home.job("SELECT 1", "shop")
    results: dict[str, Any] = {
        one.what: one for one in preflight.check(home.read(job), home.workspace, NIGHT)
    }
    assert not results["model"].passed
    assert (
        "shop version 1 takes its own outcome, 'visits', which nobody knows when a run begins"
        in results["model"].detail
    )
