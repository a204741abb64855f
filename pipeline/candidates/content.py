"""The files of candidates, each under its SHA-256: in the artefact store, else in a folder of the store of runs."""

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.candidates.candidate import Candidate, StoredFile
from pipeline.candidates.ledger import CandidateError
from pipeline.config import workspace
from pipeline.model.files import sha256
from pipeline.model.manifest import PinnedVersion
from pipeline.store import artefacts
from pipeline.store.artefacts import Artefact

# No job's name begins with _.
_FOLDER = "_candidates"


def store() -> str:
    """Where they are: `SCORING_ARTEFACTS`, else a folder of `SCORING_STORE`."""
    return workspace.artefacts() or f"{workspace.store()}/{_FOLDER}"


def put(model: str, contents: Mapping[str, bytes]) -> dict[str, StoredFile]:
    """Put a candidate's files into the store, before anything names them; returns what they are named by.

    Raises:
        ArtefactError, StoreError: the store cannot be used.
    """
    stored = {name: StoredFile(sha256=sha256(each), size=len(each)) for name, each in contents.items()}
    for name, file in stored.items():
        named = Artefact(f"{name} of a candidate of {model}", file.sha256, file.size)
        artefacts.put(store(), named, contents[name])
    return stored


def read(candidate: Candidate, file: str) -> bytes:
    """A file's bytes, which have the digest that the database gives them.

    Raises:
        ArtefactError: it is missing from the store, or altered.
    """
    content = io.BytesIO()
    artefacts.copy(store(), candidate.artefact(file), content)
    return content.getvalue()


def require_own_names(candidate: Candidate) -> None:
    """Refuse names by which a file would be written outside of the candidate's folder.

    A row of the database has been reviewed by nobody, and whoever adopts a candidate may write more than its writers.

    Raises:
        CandidateError: the model or a file has such a name.
    """
    strange = [name for name in candidate.files if not _is_inside(name)]
    if "/" in candidate.model or not _is_inside(candidate.model):
        strange.append(candidate.model)
    if strange:
        raise CandidateError(
            f"candidate {candidate.number} of {candidate.job} names {', '.join(map(repr, strange))}, which lies "
            "outside of its own folder. Nothing was written. Find out who has changed the database."
        )


def _is_inside(name: str) -> bool:
    return not any(part in ("", ".", "..") or "\0" in part for part in name.split("/"))


def pinned(home: Path, candidate: Candidate) -> PinnedVersion:
    """A candidate as a version that can be loaded: its files are copied to this machine once.

    Whoever loads it compares them with their digests again.

    Args:
        home: the folder that holds models/.
        candidate: the candidate.

    Raises:
        ArtefactError: a file is missing from the store, or altered.
        CandidateError: a file of it would lie outside of its folder.
        OSError: the copies cannot be written.
    """
    require_own_names(candidate)
    manifest = candidate.numbered
    # Another database numbers its candidates alike.
    name = f"{candidate.model}-{candidate.number}-{candidate.files[manifest.artefact].sha256[:12]}"
    folder = workspace.artefacts_cache(home) / "candidates" / name
    if not folder.exists():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
        try:
            for file in candidate.files:
                (aside / file).parent.mkdir(parents=True, exist_ok=True)
                (aside / file).write_bytes(read(candidate, file))
            (aside / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
            if not folder.exists():
                os.rename(aside, folder)
        except FileExistsError:  # another task has just done the same
            pass
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return PinnedVersion(manifest, candidate.files[manifest.artefact].sha256, folder, home)
