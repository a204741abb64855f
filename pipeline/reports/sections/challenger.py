"""What a run's challenger made of the same rows, and whether it is better so far."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Challenger:
    """The section of a report.

    Attributes:
        sentence: what became of the challenger, or what the score dates until this one say together.
        figures: captions and values of this score date alone; empty before outcomes.
        in_sample: whether one of the two was trained on the score date, which then does not count.
    """

    sentence: str
    figures: list[tuple[str, str]]
    in_sample: bool


def section(row: Row | None) -> Challenger | None:
    """The section of a run's report, of its row in `challenger_quality`; None where it had no challenger."""
    if row is None:
        return None
    label = f"Version {row['challenger_version']}"
    if row["status"] == "failed":
        sentence = f"{label} has no scores of this run, which changes nothing of it. {row['reason']}"
    elif row["status"] == "running":
        sentence = f"{label} scores the same rows now, or was ended from outside."
    elif row["verdict"] is None:
        sentence = f"{label} has scored the same rows. It is held against the outcomes once they are known."
    else:
        sentence = f"{label} beside version {row['champion_version']}: {_said(row)}."
    return Challenger(sentence, _figures(row), bool(row["in_sample"]))


def brief(row: Row | None) -> str:
    """The same in a few words, of the last challenger and of what was measured last; empty where there is none."""
    if not row:
        return ""
    state = {"failed": "failed on the last run", "running": "scores the last run"}.get(row["status"], "")
    verdict = _said(row) if row["verdict"] is not None else "not measured yet"
    return f"version {row['challenger_version']}: {'; '.join(filter(None, (state, verdict)))}"


def _said(row: Row) -> str:
    if not row["days"]:
        return "no score date has enough outcomes yet"
    days = "1 score date" if row["days"] == 1 else f"{row['days']} score dates"
    low, high = row["difference_low"], row["difference_high"]
    between = "" if low is None or high is None else f", between {_signed(high)} and {_signed(low)}"
    loss = str(row["loss"]).replace("_", " ")
    return f"{row['verdict']} after {days}, its {loss} {_signed(row['mean_difference'])} a day{between}"


def _signed(difference: float) -> str:
    return f"{abs(difference):.4f} {'lower' if difference >= 0 else 'higher'}"


def _figures(row: Row) -> list[tuple[str, str]]:
    if row["verdict"] is None:
        return []
    loss = str(row["loss"]).replace("_", " ")
    relabelled = [] if row["relabelled"] is None else [("Labels that are others", f"{row['relabelled']:.1%}")]
    losses = (
        [
            (f"Published: {loss}", f"{row['champion_loss']:.4f}"),
            (f"Challenger: {loss}", f"{row['challenger_loss']:.4f}"),
        ]
        if row["outcomes"]
        else []
    )
    return [
        ("Entities with a score of both", f"{row['entities']:,}"),
        ("Of these, outcomes known", f"{row['outcomes']:,}"),
        *losses,
        ("Scores in another tenth", f"{row['moved']:.1%}"),
        *relabelled,
    ]
