"""The tables of a run's outcomes: its groups with intervals, its labels, right and wrong, or its errors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.reports.queries import Groups

Figures = Mapping[str, float]
# A figure in words, and the interval in which it lies, or how large a share it is; empty where there is none.
Cell = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """A group of a slice: its value, whether it is too small to be compared, and its figures with their intervals."""

    name: str
    is_small: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows with a name and cells.

    Attributes:
        title: of what.
        headings: of the cells.
        rows: the rows.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[Group, ...]


def of_groups(groups: Groups) -> Iterator[Table]:
    """A table a slice, with the columns that its groups have."""
    for column in dict.fromkeys(column for column, _ in groups):
        mine = {value: figures for (of, value), figures in groups.items() if of == column}
        shown = [name for name in _COLUMNS if any(name in figures for figures in mine.values())]
        rows = (
            Group(
                "none" if value is None else value,
                bool(figures.get("small")),
                tuple(_cell(name, figures) for name in shown),
            )
            for value, figures in mine.items()
        )
        yield Table(column, tuple(_COLUMNS[name] for name in shown), tuple(rows))


def _cell(name: str, figures: Figures) -> Cell:
    """A figure, and the interval in which it lies where there is one."""
    rate, colon, of = name.partition(":")
    value, low, high = (figures.get(f"{rate}{end}{colon}{of}") for end in ("", "_low", "_high"))
    if value is None:
        return "none", ""
    if name == "outcomes":
        return _count(value)
    if low is None or high is None:
        return f"{value:,.4g}", ""
    return f"{value:.1%}", f"{100 * low:.1f} to {100 * high:.1f}"


def of_labels(outcomes: Figures) -> Table | None:
    """Of a classifier right and wrong labels; of a regression quantiles of its errors; None without outcomes."""
    if "true_positives" in outcomes:
        return _confusion(outcomes)
    classes = [name.removeprefix("hits:") for name in outcomes if name.startswith("hits:")]
    if classes:
        rows = (
            Group(
                name,
                False,
                (*(_count(outcomes.get(f"{what}:{name}", 0.0)) for what in ("actual", "predicted", "hits")),
                 _cell(f"recall:{name}", outcomes)),
            )
            for name in classes
        )  # fmt: skip
        return Table("Labels, right and wrong", ("came true", "predicted", "rightly", "recall"), tuple(rows))
    quantiles = [name for name in outcomes if name.startswith("error_quantile:")]
    if quantiles:
        ordered = sorted(quantiles, key=lambda name: float(name.partition(":")[2]))
        headings = tuple(f"{float(name.partition(':')[2]):.0%}" for name in ordered)
        cells = tuple((f"{outcomes[name]:,.4g}", "") for name in ordered)
        return Table("Quantiles of score less outcome", headings, (Group("error", False, cells),))
    return None


def _count(number: float, share: str = "") -> Cell:
    return f"{number:,.0f}", share


def _confusion(outcomes: Figures) -> Table:
    """Counts of what was said and what came true, each with its share of the row."""
    rows = []
    for name, kinds in (
        ("came true", ("false_negatives", "true_positives")),
        ("did not", ("true_negatives", "false_positives")),
    ):
        counts = [outcomes.get(kind, 0.0) for kind in kinds]
        cells = tuple(_count(count, f"{count / (sum(counts) or 1):.1%}") for count in counts)
        rows.append(Group(name, False, cells))
    return Table("Labels, right and wrong", ("predicted no", "predicted yes"), tuple(rows))


# Of a group, in the order of the table's columns.
_COLUMNS = {
    "outcomes": "outcomes",
    "base_rate": "came true",
    "selection_rate": "predicted yes",
    "recall": "recall",
    "false_positive_rate": "false positives",
    "accuracy": "accuracy",
    "roc_auc": "ROC AUC",
    "mean_outcome": "mean outcome",
    "bias": "bias",
    "rmse": "RMSE",
}
