"""pipeline/store/objects.py: a small file is what the database wrote, or it is refused with the reason."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store import objects
from pipeline.store.objects import UnsealedError
from pipeline.store.parts import PartError

PATH, VALUE, SECRET = ".scoring/job/run.json", '{"run": 7}', b"key of the database"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with one sealed file."""
    objects.put(str(tmp_path), PATH, VALUE, SECRET)
    return str(tmp_path)


def test_a_file_is_read_as_it_was_written(store: str) -> None:
    assert objects.read(store, PATH, SECRET) == VALUE
    assert objects.read(store, PATH, None) == VALUE
    assert objects.sealed(store, PATH, SECRET)


def test_the_second_line_is_the_digest_of_the_first(store: str) -> None:
    value, digest, _seal = (Path(store) / PATH).read_bytes().splitlines()
    assert hashlib.sha256(value + b"\n").hexdigest().encode() == digest


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert objects.read(str(tmp_path), PATH, SECRET) is None
    assert not objects.sealed(str(tmp_path), PATH, SECRET)


@pytest.mark.parametrize(
    ("alter", "error", "reason"),
    [
        (lambda content: content.replace(b"7", b"8"), PartError, "is not what was written"),
        (lambda content: content[:20], PartError, "is not what was written"),
        (lambda content: b"", PartError, "is not what was written"),
        (lambda content: content[:-9], UnsealedError, "does not have this database's seal"),
    ],
)
def test_an_altered_file_is_refused(
    store: str, alter: Callable[[bytes], bytes], error: type[Exception], reason: str
) -> None:
    file = Path(store) / PATH
    file.write_bytes(alter(file.read_bytes()))
    with pytest.raises(error, match=reason):
        objects.read(store, PATH, SECRET)
    assert not objects.sealed(store, PATH, SECRET)


def test_a_sealed_file_that_was_moved_or_is_another_databases_is_refused(store: str) -> None:
    moved = Path(store) / ".scoring" / "job" / "other.json"
    moved.write_bytes((Path(store) / PATH).read_bytes())
    with pytest.raises(UnsealedError, match="somebody else wrote, moved or altered it"):
        objects.read(store, ".scoring/job/other.json", SECRET)
    with pytest.raises(UnsealedError):
        objects.read(store, PATH, b"key of another database")


def test_an_exclusive_file_is_written_once(store: str) -> None:
    with pytest.raises(FileExistsError):
        objects.put(store, PATH, '{"run": 8}', SECRET, exclusive=True)
    assert objects.read(store, PATH, SECRET) == VALUE


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / PATH).mkdir(parents=True)
    with pytest.raises(PartError, match=r"run\.json in .* is no file\. Remove it"):
        objects.read(str(tmp_path), PATH, SECRET)


@pytest.mark.parametrize("store", ["folder", "memory://objects/store"])
def test_what_lies_in_a_folder_is_listed_in_order_but_for_unfinished_files(
    tmp_path: Path, store: str
) -> None:
    store = store if "://" in store else str(tmp_path / store)
    for name in ("b/2.json", "a.json", "b/1.json", "b/3.json.0.tmp"):
        objects.put(store, f".scoring/job/{name}", VALUE, SECRET)
    assert objects.names(store, ".scoring/job") == ["a.json", "b"]
    assert objects.find(store, ".scoring/job") == [
        ".scoring/job/a.json",
        ".scoring/job/b/1.json",
        ".scoring/job/b/2.json",
    ]
    assert objects.names(store, ".scoring/nothing") == objects.find(store, ".scoring/nothing") == []
