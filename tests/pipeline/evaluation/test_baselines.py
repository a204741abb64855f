"""pipeline/evaluation/baselines.py: the rates of the reference, as scores."""

import numpy as np
import pytest
from sklearn import metrics

from tests.home import shop_model, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, kept, look, name_outcomes
from tests.pipeline.shop import Shop


def test_the_baselines_are_what_the_reference_says_without_a_model(shop: Shop) -> None:
    rows, (_, reference) = shop_rows(), shop_model()
    name_outcomes(shop, bought(rows), slices=BY)
    look(shop)
    kept_metrics, late = kept(shop), bought(rows)["bought"]
    rate = reference["bought"].mean()
    assert kept_metrics["log_loss:base_rate"] == pytest.approx(metrics.log_loss(late, np.full(100, rate)))
    assert kept_metrics["skill:base_rate"] == pytest.approx(
        1 - kept_metrics["log_loss"] / kept_metrics["log_loss:base_rate"]
    )
    by = reference.groupby(["channel", "member"])["bought"].agg(["sum", "count"])
    rates = ((by["sum"] + 50 * rate) / (by["count"] + 50)).rename("rate").reset_index()
    training_rate = rows.merge(rates, how="left", on=["channel", "member"])["rate"]
    assert kept_metrics["brier:group_rate"] == pytest.approx(((training_rate - late) ** 2).mean())
    assert kept_metrics["roc_auc:group_rate"] == pytest.approx(metrics.roc_auc_score(late, training_rate))
