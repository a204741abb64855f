"""pipeline/retraining/card.py: which of the figures stand in one table."""

from pipeline.retraining import card


def test_figures_that_a_line_lacks_are_left_blank() -> None:
    figures = {"candidate": {"log_loss": 0.5, "roc_auc": 0.7}, "base_rate": {"log_loss": 0.6}}
    assert [*card.table(figures)] == [
        "| | log loss | roc auc |",
        "|---|---|---|",
        "| this model | 0.5000 | 0.7000 |",
        "| the rate of the training rows | 0.6000 |  |",
    ]
    assert [*card.beside({"champion_note": "It is left out."})] == ["It is left out."]
