"""The files of candidates, each under its SHA-256: in the artefact store, else in a folder of the store of runs."""

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.candidates.candidate import Candidate, StoredFile
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


def pinned(home: Path, candidate: Candidate) -> PinnedVersion:
    """A candidate as a version that can be loaded: its files are copied to this machine once.

    Whoever loads it compares them with their digests again.

    Args:
        home: the folder that holds models/.
        candidate: the candidate.

    Raises:
        ArtefactError: a file is missing from the store, or altered.
        OSError: the copies cannot be written.
    """
    folder = workspace.artefacts_cache(home) / "candidates" / f"{candidate.model}-{candidate.number}"
    manifest = candidate.numbered
    if not folder.exists():
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
        try:
            for name in candidate.files:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).write_bytes(read(candidate, name))
            (aside / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
            if not folder.exists():
                os.rename(aside, folder)
        except FileExistsError:  # another task has just done the same
            pass
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return PinnedVersion(manifest, candidate.files[manifest.artefact].sha256, folder, home)
