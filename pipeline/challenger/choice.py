"""Which version is a job's challenger: the one place that says so."""

from pathlib import Path

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError
from pipeline.model import registry
from pipeline.model.manifest import Manifest, PinnedVersion


class ReplayError(ScoringError):
    """A version that cannot be compared with the one that was published."""


def choose(workspace: Workspace, job: Job) -> PinnedVersion:
    """The version that is the job's challenger now.

    Args:
        workspace: folders, store and databases.
        job: with a section `[challenger]`.

    Raises:
        NothingToDo: the job has no such section.
        ModelError: the alias is missing, or its version cannot be used.
    """
    if job.challenger is None:
        raise NothingToDo(f"{job.name}.toml has no section [challenger]")
    return registry.resolve(workspace.home, job.model.name, job.challenger.alias)


def pinned(home: Path, name: str, version: int, sha256: str) -> PinnedVersion:
    """The version that was chosen, as a later task finds it, which may have no database.

    Raises:
        ModelError: it is no longer registered, or is pinned to other bytes.
    """
    return registry.pin(home, name, version, sha256)


def require_another(job: Job, champion: Manifest, challenger: Manifest) -> None:
    """Refuse a challenger that is the champion itself, or whose scores are no answer to the same question.

    Raises:
        NothingToDo: both are the same version.
        ReplayError: they predict different things, or the challenger takes columns that the champion does not.
    """
    if champion.version == challenger.version:
        raise NothingToDo(f"{challenger.label} is what is published: it has nothing to be compared with")
    require_alike(job, champion, challenger)
    own = {column.name for column in champion.contract.columns}
    if further := [column.name for column in challenger.contract.columns if column.name not in own]:
        raise ReplayError(
            f"{job.name}: {challenger.label} takes {', '.join(further)}, which {champion.label} does not. A run keeps "
            "the columns of the version that scores it, so no run of it can be scored by the other. Try it alone: "
            f"scoring score {job.name} DATE --model-version {challenger.version} --dry-run"
        )


def require_alike(job: Job, champion: Manifest, challenger: Manifest) -> None:
    """Refuse versions whose scores are no answer to the same question.

    Raises:
        ReplayError: they are of different tasks or classes.
    """
    for what, value, its in (
        ("task", champion.task, challenger.task),
        ("classes", champion.classes, challenger.classes),
    ):
        if value != its:
            raise ReplayError(
                f"{job.name}: {challenger.label} has {what} {its!r}, and the published {champion.label} {value!r}, so "
                "their scores cannot be compared. Register it as a model of its own."
            )
