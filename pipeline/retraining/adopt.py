"""A candidate becomes a version in a repository, for people to review; which version scores does not change."""

from pathlib import Path

from pipeline.candidates import content, ledger
from pipeline.candidates.candidate import Candidate, source_of
from pipeline.errors import NothingToDo
from pipeline.model import registry
from pipeline.model.manifest import CODE, LOCK, Manifest, PinnedVersion
from pipeline.registration.compiled import add
from pipeline.registration.save import save
from pipeline.retraining.team_code import RetrainingError


def adopt(home: Path, database_url: str, job: str, number: int) -> PinnedVersion:
    """Write a candidate's files into models/ as the next version, with a compiled predictor as `register` does.

    No alias moves.

    Args:
        home: the folder that holds models/.
        database_url: of the predictions database.
        job: the job's name.
        number: the candidate's.

    Raises:
        NothingToDo: it is a version of this repository already.
        CandidateError: the job has no such candidate, or a file of it would lie outside of the version's folder.
        ArtefactError: a file of it is missing from the store, or altered.
        RetrainingError: its manifest does not say what its files are.
    """
    candidate = ledger.find(database_url, job, number)
    content.require_own_names(candidate)
    manifest = Manifest.model_validate_json(candidate.manifest)
    _require_new(home, candidate, manifest)
    _require_own_files(candidate, manifest)
    files = {name: content.read(candidate, name) for name in candidate.files}
    manifest = manifest.model_copy(update={"source": source_of(job, number)})
    manifest, files = add.to_candidate(content.pinned(home, candidate), manifest, files)
    version = save(home, manifest, files, candidate.card, None)
    ledger.note_adoption(database_url, candidate, version.manifest.version)
    return version


def _require_new(home: Path, candidate: Candidate, manifest: Manifest) -> None:
    version = candidate.adopted_as
    if version is None or not (home / "models" / candidate.model / "versions.toml").exists():
        return
    pins, _ = registry.versions(home, candidate.model)
    if pins.get(version) == manifest.sha256:
        raise NothingToDo(
            f"{candidate.label} is version {version} of {candidate.model} in this repository already"
        )


def _require_own_files(candidate: Candidate, manifest: Manifest) -> None:
    """Refuse a manifest that pins other bytes than those which the candidate was entered with."""
    if manifest.name != candidate.model:
        raise RetrainingError(
            f"{candidate.label}: its manifest is of a model {manifest.name!r}. Nothing was written. Train again, and "
            "find out who has changed the database."
        )
    pinned = {**manifest.digests, **{f"{CODE}/{name}": digest for name, digest in manifest.code.items()}}
    if manifest.lock_sha256:
        pinned[LOCK] = manifest.lock_sha256
    entered = {name: file.sha256 for name, file in candidate.files.items()}
    if pinned != entered:
        names = sorted(
            name for name in pinned.keys() | entered.keys() if pinned.get(name) != entered.get(name)
        )
        raise RetrainingError(
            f"{candidate.label}: its manifest and the files that it was entered with differ: {', '.join(names)}. "
            "Nothing was written. Train again, and find out who has changed the database."
        )
