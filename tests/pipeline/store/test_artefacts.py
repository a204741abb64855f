"""pipeline/store/artefacts.py: a large file lies once in the store, under its SHA-256, and is believed only as such."""

import hashlib
import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.store import artefacts
from pipeline.store.artefacts import Artefact, ArtefactError
from pipeline.store.files import StoreError

CONTENT = os.urandom(9 << 20)  # more than is read at a time
ARTEFACT = Artefact("model.joblib of model shop version 1", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that does not exist yet: a folder, or another kind of fsspec's."""
    return str(tmp_path / "artefacts") if request.param == "folder" else f"memory://{tmp_path.name}"


def copied(store: str) -> bytes:
    target = io.BytesIO()
    artefacts.copy(store, ARTEFACT, target)
    return target.getvalue()


def test_what_is_put_comes_out_again_and_lies_there_once(store: str) -> None:
    assert artefacts.size_of(store, ARTEFACT) is None
    assert artefacts.put(store, ARTEFACT, CONTENT)
    assert not artefacts.put(store, ARTEFACT, CONTENT)
    assert artefacts.size_of(store, ARTEFACT) == len(CONTENT)
    assert copied(store) == CONTENT


def test_eight_that_put_the_same_file_at_once_leave_one_that_is_whole_and_that_nobody_writes(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: artefacts.put(str(tmp_path), ARTEFACT, CONTENT), range(8)))
    [path] = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path == tmp_path / "sha256" / ARTEFACT.sha256[:2] / ARTEFACT.sha256
    assert (path.read_bytes() == CONTENT, stat.S_IMODE(path.stat().st_mode) & 0o222) == (True, 0)


@pytest.mark.parametrize("spoilt", [CONTENT[:-1], CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), b""])
def test_an_altered_file_is_refused_and_the_same_file_put_again_mends_it(
    tmp_path: Path, spoilt: bytes
) -> None:
    artefacts.put(str(tmp_path), ARTEFACT, CONTENT)
    path = tmp_path / ARTEFACT.path
    path.chmod(0o600)
    path.write_bytes(spoilt)
    with pytest.raises(
        ArtefactError,
        match=rf"model shop version 1: sha256/.* is not what was registered.* of {len(spoilt)} bytes",
    ):
        copied(str(tmp_path))
    assert artefacts.put(str(tmp_path), ARTEFACT, CONTENT)
    assert copied(str(tmp_path)) == CONTENT


@pytest.mark.parametrize("digest", ["../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", ""])
def test_a_digest_that_is_none_names_no_file(digest: str) -> None:
    with pytest.raises(ArtefactError, match="is no SHA-256. Restore the manifest from git"):
        Artefact("model.joblib of model shop version 1", digest, 3)


def test_a_file_that_is_not_there_is_named_with_what_to_do(store: str) -> None:
    with pytest.raises(
        ArtefactError, match=rf"{ARTEFACT.path} is missing from .*Correct SCORING_ARTEFACTS, put the"
    ):
        copied(store)


def test_a_store_that_is_none_is_named_by_its_own_variable() -> None:
    with pytest.raises(StoreError, match="Set SCORING_ARTEFACTS to a folder or to an fsspec URL"):
        artefacts.put("nonsense://bucket", ARTEFACT, CONTENT)
    with pytest.raises(StoreError, match="Take it out of SCORING_ARTEFACTS"):
        artefacts.size_of("s3://key:secret@bucket", ARTEFACT)
