"""How old a model is on the score date, so that a score date that is scored again gives the same."""

from datetime import date, datetime

from pipeline.config.sections import GateSection
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.payloads import Finding


def findings(pinned: PinnedVersion, gate: GateSection, score_date: date) -> tuple[Finding, ...]:
    """The finding that a run's model is too old; none where it is not, or the job file sets no greatest age."""
    most = gate.max_model_age_days
    if most is None:
        return ()
    since, word = _birthday(pinned.manifest)
    days = (score_date - since).days
    if days <= most:
        return ()
    message = (
        f"model {pinned.manifest.name} version {pinned.manifest.version} was {word} {since}, {days} days before the "
        f"score date, and gate.max_model_age_days is {most}"
    )
    return (Finding(check="model_age", action=gate.model_age, message=message),)


def _birthday(manifest: Manifest) -> tuple[date, str]:
    """The last training day; else the day of registration."""
    if manifest.training_end is not None:
        return manifest.training_end, "trained on days until"
    return datetime.fromisoformat(manifest.created_at).date(), "registered on"
