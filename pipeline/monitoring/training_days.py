"""What a model's training days say of a score date: the model is too old for it, or was trained on it.

The score date counts, and no clock, so that a score date that is scored again gives the same.
"""

from collections.abc import Iterator
from datetime import date, datetime

from pipeline.config.sections import GateSection
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.payloads import Finding


def findings(pinned: PinnedVersion, gate: GateSection, score_date: date) -> tuple[Finding, ...]:
    """The findings that a run's model was trained on the score date, or is too old for it."""
    return (*_in_sample(pinned.manifest, gate, score_date), *_too_old(pinned.manifest, gate, score_date))


def _in_sample(manifest: Manifest, gate: GateSection, score_date: date) -> Iterator[Finding]:
    if manifest.trained_on(score_date):
        message = (
            f"model {manifest.label} was trained on days from {manifest.training_start} to {manifest.training_end}, "
            f"{score_date} among them: its outcomes will not say how good the model is on new days"
        )
        yield Finding(check="in_sample", action=gate.in_sample, message=message)


def _too_old(manifest: Manifest, gate: GateSection, score_date: date) -> Iterator[Finding]:
    """Nothing where the job file sets no greatest age."""
    most = gate.max_model_age_days
    since, word = _birthday(manifest)
    days = (score_date - since).days
    if most is not None and days > most:
        message = (
            f"model {manifest.label} was {word} {since}, {days} days before the score date, and "
            f"gate.max_model_age_days is {most}"
        )
        yield Finding(check="model_age", action=gate.model_age, message=message)


def _birthday(manifest: Manifest) -> tuple[date, str]:
    """The last training day; else the day of registration."""
    if manifest.training_end is not None:
        return manifest.training_end, "trained on days until"
    return datetime.fromisoformat(manifest.created_at).date(), "registered on"
