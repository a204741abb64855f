"""The message that a candidate is there, one for each: how good it is, and the command that has it reviewed."""

from collections.abc import Mapping
from typing import Any

from pipeline.candidates.candidate import Draft
from pipeline.integrations.outbox import Alert
from pipeline.integrations.subject import Subject
from pipeline.plain_text import line

TITLE = "a candidate is trained, and waits for a review"

# How they are named here, and in the order of a list.
_NAMES = {
    "candidate": "the candidate",
    "base_rate": "the rate of the training rows",
    "group_rate": "the same by group",
    "champion": "the champion",
}


def alert(subject: Subject, number: int, draft: Draft) -> Alert:
    """The message of a candidate; the same task tried again has no second one.

    Args:
        subject: the job, and the last score date that it was trained on.
        number: of the candidate.
        draft: the candidate.
    """
    job, figures = subject.job, draft.evaluation
    body = [
        f"Candidate {number} of {job.name} was trained on {draft.rows:,} rows from {draft.training_start} to "
        f"{draft.training_end}. Nothing of it is published until somebody adopts it and promotes it.",
        f"Out of fold, on {figures['dates']} dates:\n{_listed(figures)}",
        _beside(figures),
        "To review it as a version, in a checkout:",
        f"$ scoring adopt {job.name} {number}",
        f"The task that entered it: {subject.task}",
        f"Owner: {job.owner}",
    ]
    return Alert(
        job=job.name,
        score_date=draft.training_end,
        cause=f"{job.name} candidate {number}",
        title=f"{job.name} {draft.training_end}: {TITLE}",
        body="\n\n".join(body),
    )


def _beside(figures: Mapping[str, Any]) -> str:
    """How it stands beside the champion, or why nobody can say."""
    compared = figures.get("beside_champion")
    if compared is None:
        return line(str(figures["champion_note"]))
    return (
        f"On {compared['dates']} dates that the champion, version {compared['version']}, was not trained on, "
        f"{compared['rows']:,} rows:\n{_listed(compared)}"
    )


def _listed(figures: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_measures(figures[key])}" for key, name in _NAMES.items() if key in figures)


def _measures(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items())
