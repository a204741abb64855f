"""Published scores are evaluated with outcomes, which come late, twice, wrong or not at all."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sklearn import metrics
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.errors import NothingToDo
from pipeline.evaluation import outcome_values
from pipeline.evaluation.custom_metrics import CustomMetricError
from pipeline.evaluation.outcome_values import OutcomesQueryError
from pipeline.evaluation.outcomes import OutcomeError, evaluate
from pipeline.payloads import Evaluation
from pipeline.tasks import preflight
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.maintenance.test_retention import age, prune
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
    said = re.sub(r"slices = .*\n", "", path.read_text().split("\n[outcomes]")[0])
    said = said.replace("retries = 0\n", f"retries = 0\nslices = {json.dumps(slices)}\n")
    path.write_text(f'{said}\n[outcomes]\nquery = "{shop.job}_outcomes.sql"\ndelay_days = 3\n{keys}\n')


def look(shop: Shop, **options: Any) -> Evaluation:
    """Measure the shop's night."""
    return evaluate(shop.home.places, shop.home.read(shop.job), NIGHT, **options)


def kept(shop: Shop, column: str = "", value: str | None = "") -> dict[str, float]:
    """What an analyst reads of all, or of a group of the shop's published run."""
    query = """
        SELECT metric, value FROM scoring.outcome_metrics JOIN scoring.current_runs USING (run_id)
        WHERE job = :job AND slice_column = :column AND slice_value IS NOT DISTINCT FROM :value
    """
    found = shop.home.sql(query, "analyst", job=shop.job, column=column, value=value)
    assert len(found) == len({row["metric"] for row in found})
    return {row["metric"]: row["value"] for row in found}


def opened(home: Home, rows: pd.DataFrame, **options: Any) -> Shop:
    """A published night of these rows, by a model that knows its outcome."""
    model, reference = shop_model()
    home.model("shop", model, reference, outcome="bought")
    shop = open_shop(home, rows)
    home.score(shop.job, **options)
    return shop


@pytest.fixture
def shop(home: Home) -> Shop:
    return opened(home, shop_rows())


def test_the_figures_are_those_of_the_joined_rows(shop: Shop) -> None:
    rows = shop_rows()
    name_outcomes(shop, bought(rows), slices=BY)
    done = look(shop)
    joined = shop.predictions().merge(bought(rows), on="entity_id").merge(rows, on="entity_id")
    for column, value in (("", ""), ("channel", "web"), ("member", "true")):
        mine = joined if not column else joined[joined[column].astype(str).str.lower() == value]
        late, score, label = mine["bought"], mine["score"], mine["label"] == "true"
        found = kept(shop, column, value)
        assert found["outcomes"] == found["sampled"] == len(mine)
        assert found["coverage"] == 1
        expected = {
            "roc_auc": metrics.roc_auc_score(late, score),
            "average_precision": metrics.average_precision_score(late, score),
            "log_loss": metrics.log_loss(late, score),
            "brier": ((score - late) ** 2).mean(),
            "base_rate": late.mean(),
            "mean_score": score.mean(),
            "selection_rate": label.mean(),
            "recall": label[late].mean(),
            "precision": late[label].mean(),
            "false_positive_rate": label[~late].mean(),
            "true_positives": (late & label).sum(),
            "false_positives": (~late & label).sum(),
            "false_negatives": (late & ~label).sum(),
            "true_negatives": (~late & ~label).sum(),
            "calibration_rows:0.9-1.0": (score >= 0.9).sum(),
            "calibration_rate:0.9-1.0": late[score >= 0.9].mean(),
            "calibration_score:0.0-0.1": score[score < 0.1].mean(),
        }
        assert {name: found[name] for name in expected} == pytest.approx(expected)
        assert found["recall_low"] < found["recall"] <= found["recall_high"]
    assert done.metrics == kept(shop)
    assert (done.run_id, done.entities) == (shop.home.last_run(shop.job)["run_id"], 100)
    by_member = joined.assign(called=joined["label"] == "true").groupby("member")["called"].mean()
    assert kept(shop)["selection_rate_gap:member"] == pytest.approx(by_member[True] - by_member[False])
    assert set(kept(shop)) >= {"selection_rate_gap_p:member", "selection_rate_gap_alarm:member", "alarms"}


def test_the_baselines_are_what_the_reference_says_without_a_model(shop: Shop) -> None:
    rows, (_, reference) = shop_rows(), shop_model()
    name_outcomes(shop, bought(rows), slices=BY)
    look(shop)
    found, late = kept(shop), bought(rows)["bought"]
    rate = reference["bought"].mean()
    assert found["log_loss:base_rate"] == pytest.approx(metrics.log_loss(late, np.full(100, rate)))
    assert found["skill:base_rate"] == pytest.approx(1 - found["log_loss"] / found["log_loss:base_rate"])
    by = reference.groupby(["channel", "member"])["bought"].agg(["sum", "count"])
    rates = ((by["sum"] + 50 * rate) / (by["count"] + 50)).rename("rate").reset_index()
    said = rows.merge(rates, how="left", on=["channel", "member"])["rate"]
    assert found["brier:group_rate"] == pytest.approx(((said - late) ** 2).mean())
    assert found["roc_auc:group_rate"] == pytest.approx(metrics.roc_auc_score(late, said))


def test_what_training_measured_stands_beside_it(home: Home) -> None:
    model, reference = shop_model()
    home.model("shop", model, reference, outcome="bought", metrics={"roc_auc": 0.75})
    shop = open_shop(home)
    home.score(shop.job)
    name_outcomes(shop, bought(shop_rows()))
    look(shop)
    assert kept(shop)["training:roc_auc"] == 0.75


def test_results_that_come_late_are_counted_and_a_rerun_replaces_everything(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(shop, rows[:40])
    look(shop)
    few = kept(shop)
    assert (few["entities"], few["outcomes"], few["coverage"]) == (100, 40, 0.4)
    again = look(shop)
    assert again.metrics == few == kept(shop)
    name_outcomes(shop, rows, business="SELECT count(*) AS rows FROM scores")
    look(shop)
    assert kept(shop)["coverage"] == 1
    assert kept(shop)["business:rows"] == 100
    name_outcomes(shop, rows)
    look(shop)
    assert "business:rows" not in kept(shop)


def test_an_entity_without_a_result_is_no_part_of_any_figure(shop: Shop) -> None:
    rows = bought(shop_rows()).astype({"bought": "boolean"})
    name_outcomes(shop, rows[:60])
    look(shop)
    expected = kept(shop)
    rows.loc[60:, "bought"] = pd.NA
    name_outcomes(shop, rows)
    look(shop)
    assert kept(shop) == expected


def test_results_of_entities_that_were_not_scored_are_counted(shop: Shop) -> None:
    rows = bought(shop_rows(130))
    name_outcomes(shop, rows)
    look(shop)
    assert (kept(shop)["outcomes"], kept(shop)["outcomes_unscored"]) == (100, 30)


def test_before_any_result_there_is_but_the_count_of_none(shop: Shop) -> None:
    name_outcomes(
        shop, bought(shop_rows())[:0], business="SELECT count(bought) AS known FROM results", slices=BY
    )
    done = look(shop)
    assert (done.metrics["coverage"], done.metrics["business:known"]) == (0, 0)
    assert "roc_auc" not in kept(shop)
    assert kept(shop, "channel", "web")["small"] == 1


def test_contradicting_results_are_refused_and_named(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(shop, rows)
    look(shop)
    before = kept(shop)
    twice = rows[3:5].assign(bought=~rows["bought"][3:5])
    name_outcomes(shop, pd.concat([rows, twice]))
    with pytest.raises(
        OutcomesQueryError,
        match=r"2 entities have outcomes in column 'bought' that .*: customer-00003, customer-00004\.",
    ):
        look(shop)
    assert kept(shop) == before


def test_a_result_that_is_said_twice_or_later_counts_once(shop: Shop) -> None:
    rows = bought(shop_rows()).astype({"bought": "boolean"})
    name_outcomes(shop, rows)
    look(shop)
    expected = kept(shop)
    unknown = rows[:20].assign(bought=pd.array([None] * 20, "boolean"))
    name_outcomes(
        shop,
        pd.concat([unknown, rows, rows[50:]]),
        business="SELECT count(*) AS known FROM results WHERE bought IS NOT NULL",
    )
    look(shop)
    assert {name: value for name, value in kept(shop).items() if name != "business:known"} == expected
    assert kept(shop)["business:known"] == 100


@pytest.mark.parametrize(
    "said",
    [
        pa.array([True, False, None]),
        pa.array([1, 0, None]),
        pa.array([1.0, 0.0, float("nan")]),
        pa.array([Decimal("1.00"), Decimal("0.00"), None]),
        pa.array(["true", "false", None]),
        pa.array(["1", "0", None]),
        pa.array(["true", "false", None]).dictionary_encode(),
        pa.array([None, None, None]),
    ],
)
@pytest.mark.parametrize("classes", [("false", "true"), ("0", "1"), ("0.0", "1.0")])
def test_a_class_may_be_said_in_any_type(home: Home, said: pa.Array, classes: tuple[str, ...]) -> None:
    manifest = home.model(home.name("shop"), *shop_model()).manifest.model_copy(update={"classes": classes})
    found = outcome_values.read(said, manifest, "n.sql", pa.array(["a", "b", "c"]))
    known = said.null_count < 3
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan] if known else [np.nan] * 3)


def test_an_unknown_result_is_named(shop: Shop) -> None:
    rows = bought(shop_rows()).astype({"bought": str})
    rows["bought"] = rows["bought"].str.lower()
    rows.loc[7, "bought"] = "maybe"
    name_outcomes(shop, rows)
    with pytest.raises(
        OutcomesQueryError,
        match=r"no class of the model: 'maybe', such as that of entity customer-00007\. .* are false, true",
    ):
        look(shop)


@pytest.mark.parametrize(
    ("rename", "complaint"),
    [
        (
            {"bought": "purchased"},
            r"column 'bought', the outcome, is missing. The query has entity_id, purchased",
        ),
        ({"entity_id": "customer"}, r"column 'entity_id', the entity that was scored, is missing"),
    ],
)
def test_a_column_that_is_missing_is_named(shop: Shop, rename: dict[str, str], complaint: str) -> None:
    name_outcomes(shop, bought(shop_rows()).rename(columns=rename))
    with pytest.raises(OutcomesQueryError, match=complaint):
        look(shop)


def test_the_job_may_say_which_column_it_is(shop: Shop) -> None:
    rows = bought(shop_rows()).rename(columns={"bought": "purchased"})
    name_outcomes(shop, rows, keys='column = "purchased"')
    look(shop)
    assert kept(shop)["base_rate"] == rows["purchased"].mean()


def test_somebody_has_to_say_which_column_it_is(home: Home) -> None:
    home.model("shop", *shop_model())
    shop = open_shop(home)
    home.score(shop.job)
    name_outcomes(shop, bought(shop_rows()))
    with pytest.raises(
        OutcomesQueryError, match=r"registered without --outcome. Name it in job_\d+.toml, as outcomes.column"
    ):
        look(shop)
    name_outcomes(shop, bought(shop_rows()), keys='column = "bought"')
    assert "no baselines: the model was registered without --outcome" in look(shop).notes


def test_a_night_that_is_not_published_is_skipped(home: Home) -> None:
    shop = open_shop(home)
    name_outcomes(shop, bought(shop_rows()))
    with pytest.raises(NothingToDo, match="2024-03-01: no run is published"):
        look(shop)


def test_a_job_without_outcomes_says_so(shop: Shop) -> None:
    with pytest.raises(
        OutcomeError, match=r"has no section \[outcomes\]. Add one, with query and delay_days"
    ):
        look(shop)


def test_a_night_that_is_scored_again_has_figures_of_its_own(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    first = look(shop)
    shop.change("visits = 0")
    shop.home.score(shop.job)
    second = look(shop)
    assert second.run_id > first.run_id
    assert second.metrics["mean_score"] < first.metrics["mean_score"]
    query = "SELECT value FROM scoring.outcome_metrics WHERE run_id = :run AND metric = 'mean_score'"
    assert shop.home.sql(query, run=first.run_id) == [{"value": first.metrics["mean_score"]}]


def test_without_parts_there_are_no_slices_and_all_the_rest(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()), slices=BY)
    with_slices = look(shop).metrics
    for part in (shop.home.path / "store").rglob("part-*.parquet"):
        part.unlink()
    done = look(shop)
    assert [note.split(":")[0] for note in done.notes] == ["no slice by channel", "no slice by member"]
    assert "is no longer in the store" in done.notes[0]
    assert done.metrics["roc_auc"] == with_slices["roc_auc"]
    assert kept(shop, "channel", "web") == {}


def test_scores_that_are_gone_leave_what_was_measured(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    before = look(shop)
    age(shop, 2)
    shop.configure(r"\[outcomes\]", "[retention]\npredictions_days = 1\n\n[outcomes]")
    prune(shop)
    with pytest.raises(NothingToDo, match="no run is published"):
        look(shop)
    query = "SELECT count(*) FROM scoring.outcome_metrics WHERE run_id = :run"
    assert shop.home.sql(query, run=before.run_id) == [{"count": len(before.metrics)}]


def test_of_a_large_night_a_sample_is_looked_at_the_same_one_every_time(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(
        shop, rows, business="SELECT sum(weight) AS weight, min(entity_id) IS NULL AS none FROM scores"
    )
    done = look(shop, most=50)
    assert done.metrics["entities"] == 100
    assert 30 <= done.metrics["sampled"] == done.metrics["outcomes"] <= 70
    assert done.metrics["business:weight"] == 2 * done.metrics["sampled"]
    assert "outcomes_unscored" not in done.metrics
    assert look(shop, most=50) == done
    assert look(shop, most=10**9).metrics["sampled"] == 100


def test_values_are_measured_by_their_errors(home: Home) -> None:
    rows = shop_rows()
    features = ["amount", "visits", "channel", "member"]
    spent = (10.0 * rows["visits"] + np.random.default_rng(3).normal(3, 5, 100)).round(2)
    home.model(
        "shop", Visits().fit(rows[features], None), rows[features].assign(spent=spent), outcome="spent"
    )
    shop = open_shop(home, rows)
    home.score(shop.job)
    actual = [None, *spent[1:]]
    name_outcomes(
        shop, pa.table({"entity_id": rows["entity_id"], "spent": pa.array(actual, pa.float64())}), slices=BY
    )
    look(shop)
    found, errors = kept(shop), (10.0 * rows["visits"] - spent)[1:]
    assert found["outcomes"] == 99
    expected = {
        "mae": errors.abs().mean(),
        "rmse": np.sqrt((errors**2).mean()),
        "bias": errors.mean(),
        "error_quantile:0.05": errors.quantile(0.05),
        "error_quantile:0.5": errors.median(),
        "mean_outcome": spent[1:].mean(),
        "rmse:base_rate": np.sqrt(((spent.mean() - spent[1:]) ** 2).mean()),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["skill:base_rate"] > 0.9
    assert "bias_gap_p:channel" in found
    name_outcomes(shop, rows[["entity_id"]].assign(spent="a lot"))
    with pytest.raises(
        OutcomesQueryError, match="outcomes that are no finite number, such as that of entity customer-00000"
    ):
        look(shop)


def test_several_classes_are_measured_one_by_one(home: Home) -> None:
    rows = shop_rows(200)
    columns = make_column_transformer(("passthrough", ["visits", "member"]))
    classes = np.array(["low", "mid", "top"])[np.minimum(rows["visits"] // 7, 2)]
    features = rows[["amount", "visits", "channel", "member"]]
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, classes)
    home.model("shop", model, features.assign(tier=classes), outcome="tier")
    shop = open_shop(home, rows)
    home.score(shop.job)
    actual = np.where(np.random.default_rng(2).random(200) < 0.2, "mid", classes)
    name_outcomes(shop, rows[["entity_id"]].assign(tier=actual))
    look(shop)
    found, joined = kept(shop), shop.predictions()
    labels = ["low", "mid", "top"]
    recalls = metrics.recall_score(actual, joined["label"], labels=labels, average=None)
    precisions = metrics.precision_score(actual, joined["label"], labels=labels, average=None)
    assert found["accuracy"] == pytest.approx((joined["label"] == actual).mean())
    assert [found[f"recall:{name}"] for name in labels] == pytest.approx(recalls)
    assert [found[f"precision:{name}"] for name in labels] == pytest.approx(precisions)
    assert found["log_loss"] == pytest.approx(
        metrics.log_loss(actual, np.stack(list(joined["class_scores"])))
    )
    assert found["actual:mid"] == (actual == "mid").sum()
    assert found["skill:base_rate"] > 0


def test_a_job_has_figures_of_its_own(shop: Shop) -> None:
    rows = bought(shop_rows()).assign(paid=12.5)
    business = """
        SELECT sum(paid) FILTER (WHERE bought AND label = 'true') AS earned, count(DISTINCT channel) AS channels,
               :run_id AS run
        FROM scores LEFT JOIN results USING (entity_id)
    """
    name_outcomes(shop, rows, business=business, slices=BY)
    look(shop)
    found = {name: value for name, value in kept(shop).items() if name.startswith("business:")}
    joined = shop.predictions().merge(rows, on="entity_id")
    assert found == {
        "business:earned": 12.5 * (joined["bought"] & (joined["label"] == "true")).sum(),
        "business:channels": 3,
        "business:run": shop.home.last_run(shop.job)["run_id"],
    }


def test_business_figures_that_fail_leave_what_was_measured(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    before = look(shop).metrics
    name_outcomes(shop, bought(shop_rows()), business="SELECT score FROM scores")
    with pytest.raises(CustomMetricError, match=rf"{shop.job}_business.sql: more than one row"):
        look(shop)
    assert kept(shop) == before


def test_a_group_that_is_overlooked_is_told_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    rows = shop_rows()
    late = shop.predictions().set_index("entity_id")["label"][rows["entity_id"]].to_numpy() == "true"
    name_outcomes(
        shop,
        rows[["entity_id"]].assign(bought=np.where(rows["member"], late, ~late)),
        keys="min_group = 10",
        slices=BY,
    )
    done = look(shop)
    assert done.metrics["recall_gap_alarm:member"] == 1
    assert done.metrics["alarms"] == len(done.alarms)
    caplog.clear()
    printed = CliRunner().invoke(app, ["outcomes", shop.job, str(NIGHT)])
    # The command line shows the log's warnings, too.
    assert (printed.output + caplog.text).count(
        "groups differ more than chance allows: recall by member: "
    ) == 1


def test_only_the_function_writes_and_only_of_published_runs(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()))
    look(shop)
    refused = "permission denied for table outcome_metrics"
    for role in ("predictions", "analyst"):
        with pytest.raises(sa.exc.ProgrammingError, match=refused):
            shop.home.sql("INSERT INTO scoring.outcome_metrics VALUES (1, '', '', 'mine', 1)", role)
        with pytest.raises(sa.exc.ProgrammingError, match=refused):
            shop.home.sql("DELETE FROM scoring.outcome_metrics", role)
    shop.change("visits = visits + 1")
    open_run = shop.extract().run_id
    call = "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['mine'], ARRAY[1.0])"
    with pytest.raises(sa.exc.ProgrammingError, match=f"run {open_run} was never published"):
        shop.home.sql(call, "predictions", run=open_run)
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied for function replace_outcomes"):
        shop.home.sql(call, "analyst", run=open_run)


def test_check_tries_the_outcomes_before_the_first_night(shop: Shop) -> None:
    def finding() -> preflight.CheckResult:
        found = preflight.check(shop.home.read(shop.job), shop.home.places, NIGHT)
        return next(one for one in found if one.what == "outcomes")

    rows = bought(shop_rows()).astype({"bought": "boolean"})
    rows.loc[:9, "bought"] = pd.NA
    name_outcomes(shop, rows, business="SELECT count(channel) AS channels FROM scores", slices=BY)
    assert finding().passed
    assert "90 of the first 100 rows of 2024-03-01 have an outcome in 'bought'; " in finding().detail
    name_outcomes(shop, rows, business="SELECT count(chanel) AS channels FROM scores", slices=BY)
    assert not finding().passed
    assert 'Referenced column "chanel" not found' in finding().detail
    name_outcomes(shop, rows.rename(columns={"bought": "purchased"}))
    assert "column 'bought', the outcome, is missing" in finding().detail
    assert kept(shop) == {}
