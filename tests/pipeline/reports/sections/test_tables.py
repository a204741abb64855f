"""pipeline/reports/sections/tables.py: groups with intervals, labels that add up, quantiles of errors."""

from pipeline.reports.sections.tables import of_groups, of_labels
from tests.pipeline.reports.sections.test_outcomes import labelled


def test_a_binary_models_labels_are_a_matrix_that_adds_up() -> None:
    labels = of_labels(labelled("binary", ("no", "yes")))
    assert labels is not None
    assert labels.headings == ("predicted no", "predicted yes")
    counts = [int(count) for row in labels.rows for count, _ in row.cells]
    assert sum(counts) == 100
    assert [row.name for row in labels.rows] == ["came true", "did not"]


def test_other_models_have_a_row_a_class_or_quantiles_of_their_errors() -> None:
    classes = of_labels(labelled("multiclass", ("few", "some", "many")))
    assert classes is not None
    assert [row.name for row in classes.rows] == ["few", "some", "many"]
    assert all(" to " in row.cells[-1][1] for row in classes.rows)
    errors = of_labels(labelled("regression", ()))
    assert errors is not None
    assert errors.headings == ("5%", "25%", "50%", "75%", "95%")
    assert set(errors.rows[0].cells) == {("1", "")}


def test_groups_have_intervals_and_small_ones_are_marked() -> None:
    whole = {
        "small": 0.0,
        "outcomes": 90.0,
        "recall": 0.5,
        "recall_low": 0.4,
        "recall_high": 0.6,
        "roc_auc": 0.7,
    }
    [table] = of_groups({("channel", "web"): whole, ("channel", None): {"small": 1.0, "outcomes": 3.0}})
    assert (table.title, table.headings) == ("channel", ("outcomes", "recall", "ROC AUC"))
    assert [(row.name, row.is_small, row.cells) for row in table.rows] == [
        ("web", False, (("90", ""), ("50.0%", "40.0 to 60.0"), ("0.7", ""))),
        ("none", True, (("3", ""), ("none", ""), ("none", ""))),
    ]
