"""pipeline/store/cache.py: a copy is fetched once, is read-only and bounded, and an altered one is fetched again."""

import errno
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.store import artefacts, cache
from pipeline.store.artefacts import Artefact, ArtefactError


def artefact(content: bytes) -> Artefact:
    return Artefact("model.joblib of model shop version 1", hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one file."""
    artefacts.put(str(tmp_path / "artefacts"), artefact(b"forest"), b"forest")
    return str(tmp_path / "artefacts")


def test_a_copy_is_fetched_once_is_read_only_and_needs_no_store_any_more(store: str, tmp_path: Path) -> None:
    path = cache.fetch(store, tmp_path / "cache", artefact(b"forest"))
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"forest", 0o444)
    inode = path.stat().st_ino
    assert cache.fetch(None, tmp_path / "cache", artefact(b"forest")).stat().st_ino == inode
    assert cache.fetch("s3://bucket-that-nobody-asks", tmp_path / "cache", artefact(b"forest")) == path


def test_of_eight_that_ask_at_once_one_fetches(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    copy = artefacts.copy

    def counted(*given: Any) -> None:
        fetched.append("once")
        copy(*given)

    monkeypatch.setattr(artefacts, "copy", counted)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: cache.fetch(store, tmp_path / "cache", artefact(b"forest")), range(8)))
    assert (len(paths), fetched) == (1, ["once"])


@pytest.mark.parametrize("spoilt", [b"forest!", b"Forest", b"", None])
def test_a_copy_that_was_altered_is_fetched_again(store: str, tmp_path: Path, spoilt: bytes | None) -> None:
    path = cache.fetch(store, tmp_path / "cache", artefact(b"forest"))
    path.unlink()
    if spoilt is None:
        path.symlink_to(Path(store) / artefact(b"forest").path)
    else:
        path.write_bytes(spoilt)
    assert cache.fetch(store, tmp_path / "cache", artefact(b"forest")) == path
    assert (path.read_bytes(), path.is_symlink()) == (b"forest", False)


def test_nothing_is_kept_of_what_is_not_the_registered_file(store: str, tmp_path: Path) -> None:
    path = Path(store) / artefact(b"forest").path
    path.chmod(0o600)
    path.write_bytes(b"hostile")
    with pytest.raises(ArtefactError, match="is not what was registered"):
        cache.fetch(store, tmp_path / "cache", artefact(b"forest"))
    assert [each.suffix for each in (tmp_path / "cache").iterdir()] == [".lock"]


def test_where_no_store_is_configured_the_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ArtefactError, match="model shop version 1 is kept outside git, and SCORING_ARTEFACTS is not set"
    ):
        cache.fetch(None, tmp_path / "cache", artefact(b"forest"))


def test_what_was_not_asked_for_the_longest_makes_room(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [bytes([number]) * 1000 for number in range(4)]
    monkeypatch.setenv(cache.LIMIT, "0.0000025")  # 2,500 bytes
    for content in contents:
        artefacts.put(store, artefact(content), content)
    first, second = (cache.fetch(store, tmp_path / "cache", artefact(each)) for each in contents[:2])
    for path in (tmp_path / "cache").iterdir():
        os.utime(path, (0, 0))
    cache.fetch(None, tmp_path / "cache", artefact(contents[0]))  # asked for again
    third, fourth = (cache.fetch(store, tmp_path / "cache", artefact(each)) for each in contents[2:])
    assert [path.exists() for path in (first, second, third, fourth)] == [True, False, True, True]
    monkeypatch.setenv(cache.LIMIT, "much")
    with pytest.raises(
        UsageError, match="SCORING_ARTEFACTS_CACHE_GB='much': set it to a number of gigabytes"
    ):
        cache.fetch(store, tmp_path / "cache", artefact(contents[1]))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_folder_that_cannot_be_written_says_what_to_do(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        OSError, match="cannot be copied to .*Make room.* or set SCORING_ARTEFACTS_CACHE"
    ) as refused:
        cache.fetch(store, tmp_path / "cache", artefact(b"forest"))
    assert refused.value.errno == number
    assert [each.suffix for each in (tmp_path / "cache").iterdir()] == [".lock"]
