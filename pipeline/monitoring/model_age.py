"""How old a model is on the score date, so that a score date that is scored again gives the same."""

from datetime import date, datetime

from pipeline.config.sections import GateSection
from pipeline.config.workspace import Workspace
from pipeline.model import registry
from pipeline.model.manifest import Manifest
from pipeline.payloads import Finding, Run


def findings(places: Workspace, gate: GateSection, run: Run) -> tuple[Finding, ...]:
    """The finding that a run's model is too old; none where it is not, or the job file sets no greatest age.

    Raises:
        ModelError: the model is no longer registered, or is pinned to other bytes.
    """
    most = gate.max_model_age_days
    if most is None:
        return ()
    pinned = registry.pin(places.home, run.model_name, run.model_version, run.model_sha256)
    since, word = _birthday(pinned.manifest)
    days = (date.fromisoformat(run.score_date) - since).days
    if days <= most:
        return ()
    message = (
        f"model {run.model_name} version {run.model_version} was {word} {since}, {days} days before the score date, "
        f"and gate.max_model_age_days is {most}"
    )
    return (Finding(check="model_age", action=gate.model_age, message=message),)


def _birthday(manifest: Manifest) -> tuple[date, str]:
    """The last training day; else the day of registration."""
    if manifest.training_end is not None:
        return manifest.training_end, "trained on days until"
    return datetime.fromisoformat(manifest.created_at).date(), "registered on"
