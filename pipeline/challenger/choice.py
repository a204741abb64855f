"""Which version or candidate is a job's challenger: the one place that says so."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.candidates import content, ledger
from pipeline.candidates.candidate import Candidate
from pipeline.candidates.challenger import latest
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError
from pipeline.model import registry, signature
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest, PinnedVersion


class ReplayError(ScoringError):
    """A version that cannot be compared with the one that was published."""


@dataclass(frozen=True)
class Challenger:
    """What scores the rows of a run beside the champion.

    Attributes:
        manifest: what was recorded of it; a candidate's version is its number with a minus.
        sha256: of its artefact.
        candidate: what the database has of it, where it is a candidate.
    """

    manifest: Manifest
    sha256: str
    candidate: Candidate | None = None

    @property
    def pin(self) -> tuple[str, int, str]:
        """By which a later task finds it: the model's name, the version, the digest."""
        return self.manifest.name, self.manifest.version, self.sha256


def choose(workspace: Workspace, job: Job) -> Challenger:
    """The version of the alias, else the newest candidate: the job's challenger now.

    Args:
        workspace: folders, store and databases.
        job: with a section `[challenger]`.

    Raises:
        NothingToDo: the job has no such section, or is trained again and has no candidate now.
        ModelError: there is neither alias nor candidate, or the alias' version cannot be used.
        CandidateError: the database refuses.
    """
    if job.challenger is None:
        raise NothingToDo(f"{job.name}.toml has no section [challenger]")
    name, alias = job.model.name, job.challenger.alias
    if alias not in registry.versions(workspace.home, name)[1]:
        if candidate := latest(workspace, job):
            manifest = candidate.numbered
            return Challenger(manifest, candidate.files[manifest.artefact].sha256, candidate)
        if job.training:
            raise NothingToDo(
                f"{job.name} has no challenger now: model {name!r} has no alias {alias!r}, and the job no candidate "
                f"that is not a version already. Have one trained: scoring train {job.name}; or add a line "
                f"`{alias} = <version>` below [aliases] in versions.toml."
            )
    pinned = registry.resolve(workspace.home, name, alias)
    return Challenger(pinned.manifest, pinned.sha256)


def loadable(
    home: Path, name: str, version: int, sha256: str, candidate: Candidate | None = None
) -> PinnedVersion:
    """What was chosen, as a later task finds it, which may have no database.

    Raises:
        ModelError: the version is no longer registered, or is pinned to other bytes; or no candidate may be loaded.
        ArtefactError: a file of the candidate is missing from the store, or altered.
        OSError: the candidate's files cannot be copied to this machine.
    """
    if candidate is None:
        return registry.pin(home, name, version, sha256)
    if signature.required():
        raise ModelError(
            f"{candidate.label} is not signed, and with SCORING_VERIFY_KEY nothing unsigned is loaded. Adopt it, and "
            f"have it reviewed and signed: scoring adopt {candidate.job} {candidate.number}"
        )
    return content.pinned(home, candidate)


def recorded(workspace: Workspace, job: Job, name: str, version: int, sha256: str) -> Manifest:
    """What was recorded of a challenger that has scored a run: of a version, or of a candidate of the database.

    Raises:
        ModelError: the version is no longer registered, or it has other bytes than the challenger had.
        CandidateError: the job has no such candidate.
    """
    if version > 0:
        return registry.pin(workspace.home, name, version, sha256).manifest
    manifest = ledger.find(workspace.predictions, job.name, -version).numbered
    if (manifest.name, manifest.sha256) != (name, sha256):
        raise ModelError(
            f"{manifest.label} of {job.name} has other bytes than the challenger that has scored the run: "
            f"{manifest.sha256}, and not {sha256}. Find out who has changed the database."
        )
    return manifest


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
        adopt, version = "", str(challenger.version)
        if challenger.version < 0:
            adopt, version = f"scoring adopt {job.name} {-challenger.version}, then ", "VERSION"
        raise ReplayError(
            f"{job.name}: {challenger.label} takes {', '.join(further)}, which {champion.label} does not. A run keeps "
            "the columns of the version that scores it, so no run of it can be scored by the other. Try it alone: "
            f"{adopt}scoring score {job.name} DATE --model-version {version} --dry-run"
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
