"""pipeline/evaluation/performance.py: every metric of every group is that of the joined rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pipeline.model.outcome_values import OutcomesQueryError
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.evaluation.shop import BY, Visits, bought, kept, look, name_outcomes
from tests.pipeline.shop import Shop, open_shop


def test_the_figures_are_those_of_the_joined_rows(shop: Shop) -> None:
    rows = shop_rows()
    name_outcomes(shop, bought(rows), slices=BY)
    done = look(shop)
    joined = shop.predictions().merge(bought(rows), on="entity_id").merge(rows, on="entity_id")
    for column, value in (("", ""), ("channel", "web"), ("member", "true")):
        mine = joined if not column else joined[joined[column].astype(str).str.lower() == value]
        late, score, label = mine["bought"], mine["score"], mine["label"] == "true"
        kept_metrics = kept(shop, column, value)
        assert kept_metrics["outcomes"] == kept_metrics["sampled"] == len(mine)
        assert kept_metrics["coverage"] == 1
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
        assert {name: kept_metrics[name] for name in expected} == pytest.approx(expected)
        assert kept_metrics["recall_low"] < kept_metrics["recall"] <= kept_metrics["recall_high"]
    assert done.metrics == kept(shop)
    assert (done.run_id, done.entities) == (shop.home.last_run(shop.job)["run_id"], 100)
    by_member = joined.assign(called=joined["label"] == "true").groupby("member")["called"].mean()
    assert kept(shop)["selection_rate_gap:member"] == pytest.approx(by_member[True] - by_member[False])
    assert set(kept(shop)) >= {"selection_rate_gap_p:member", "selection_rate_gap_alarm:member", "alarms"}


def test_what_training_measured_stands_beside_it(home: Home) -> None:
    model, reference = shop_model()
    home.model("shop", model, reference, outcome="bought", metrics={"roc_auc": 0.75})
    shop = open_shop(home)
    home.score(shop.job)
    name_outcomes(shop, bought(shop_rows()))
    look(shop)
    assert kept(shop)["training:roc_auc"] == 0.75


def test_an_entity_without_a_result_is_no_part_of_any_figure(shop: Shop) -> None:
    rows = bought(shop_rows()).astype({"bought": "boolean"})
    name_outcomes(shop, rows[:60])
    look(shop)
    expected = kept(shop)
    rows.loc[60:, "bought"] = pd.NA
    name_outcomes(shop, rows)
    look(shop)
    assert kept(shop) == expected


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
    kept_metrics, errors = kept(shop), (10.0 * rows["visits"] - spent)[1:]
    assert kept_metrics["outcomes"] == 99
    expected = {
        "mae": errors.abs().mean(),
        "rmse": np.sqrt((errors**2).mean()),
        "bias": errors.mean(),
        "error_quantile:0.05": errors.quantile(0.05),
        "error_quantile:0.5": errors.median(),
        "mean_outcome": spent[1:].mean(),
        "rmse:base_rate": np.sqrt(((spent.mean() - spent[1:]) ** 2).mean()),
    }
    assert {name: kept_metrics[name] for name in expected} == pytest.approx(expected)
    assert kept_metrics["skill:base_rate"] > 0.9
    assert "bias_gap_p:channel" in kept_metrics
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
    kept_metrics, joined = kept(shop), shop.predictions()
    labels = ["low", "mid", "top"]
    recalls = metrics.recall_score(actual, joined["label"], labels=labels, average=None)
    precisions = metrics.precision_score(actual, joined["label"], labels=labels, average=None)
    assert kept_metrics["accuracy"] == pytest.approx((joined["label"] == actual).mean())
    assert [kept_metrics[f"recall:{name}"] for name in labels] == pytest.approx(recalls)
    assert [kept_metrics[f"precision:{name}"] for name in labels] == pytest.approx(precisions)
    assert kept_metrics["log_loss"] == pytest.approx(
        metrics.log_loss(actual, np.stack(list(joined["class_scores"])))
    )
    assert kept_metrics["actual:mid"] == (actual == "mid").sum()
    assert kept_metrics["skill:base_rate"] > 0
