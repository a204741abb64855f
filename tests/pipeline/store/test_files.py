"""pipeline/store/files.py: a file is put whole or not at all, is private, and a store that will not do says why."""

import errno
import os
import stat
from pathlib import Path

import pytest

from pipeline.store import files
from pipeline.store.files import StoreError

PATH = "job/2024-03-01/7/part-00003.parquet"


@pytest.mark.parametrize("store", ["folder", "memory://files/store"])
def test_a_file_is_replaced_at_once_and_an_exclusive_one_never(tmp_path: Path, store: str) -> None:
    store = store if "://" in store else str(tmp_path / store)
    files.put(store, PATH, b"first")
    files.put(store, PATH, b"second")
    assert files.fetch(store, PATH) == b"second"
    if "://" not in store:
        with pytest.raises(FileExistsError):
            files.put(store, PATH, b"third", exclusive=True)
    assert files.fetch(store, PATH) == b"second"
    with pytest.raises(FileNotFoundError):
        files.fetch(store, f"{PATH}.other")


def test_a_full_disk_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match="could not be kept in the store .*: No space left.*Make room"
    ) as refused:
        files.put(str(tmp_path), PATH, b"content")
    assert refused.value.errno == errno.ENOSPC
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_store_that_turned_read_only_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: object, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    files.put(str(tmp_path), PATH, b"content")
    (tmp_path / f"{PATH}.0f.tmp").touch()
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(
        OSError, match="run.json could not be kept in the store .*: .*grant the right"
    ) as refused:
        files.put(str(tmp_path), "job/2024-03-01/7/run.json", b"content")
    assert refused.value.errno == number
    assert ".tmp" not in str(refused.value)
    files.remove_temporary(str(tmp_path), "job/2024-03-01/7")


def test_only_what_killed_tries_left_is_removed(tmp_path: Path) -> None:
    files.put(str(tmp_path), PATH, b"content")
    left = tmp_path / f"{PATH}.0f.tmp"
    left.touch()
    files.remove_temporary(str(tmp_path), "job/2024-03-01/7")
    files.remove_temporary(str(tmp_path), "job/2024-03-01/8")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / PATH]


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("s3://key:secret@bucket/store", "the store holds a password"),
        ("nonsense://bucket", "the store nonsense://bucket cannot be used: .* Set SCORING_STORE to a folder"),
    ],
)
def test_a_store_that_will_not_do_is_refused(store: str, reason: str) -> None:
    with pytest.raises(StoreError, match=reason) as refused:
        files.open_store(store)
    assert "secret" not in str(refused.value)


def test_a_clients_own_error_is_worth_a_retry() -> None:
    class ClientError(Exception):
        pass

    with (
        pytest.raises(OSError, match="the store s3://b did not answer: ClientError: slow down"),
        files.reaching("s3://b"),
    ):
        raise ClientError("slow down")


def test_a_file_that_another_try_sweeps_away_before_it_is_in_place_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = os.replace
    swept: list[str] = []

    def sweep_first(temporary: str, target: str) -> None:
        if not swept:
            swept.append(temporary)
            files.remove_temporary(str(tmp_path), "job/2024-03-01/7")
        move(temporary, target)

    monkeypatch.setattr(os, "replace", sweep_first)
    files.put(str(tmp_path), PATH, b"content")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / PATH]
    assert len(swept) == 1


def test_all_that_a_store_keeps_is_private(tmp_path: Path) -> None:
    before = os.umask(0)  # whatever the user lets others do
    try:
        files.put(str(tmp_path / "new" / "store"), PATH, b"content")
    finally:
        os.umask(before)
    made = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*")}
    assert len(made) == 5  # store, job, score date, run, part
    made[tmp_path / "new"] = stat.S_IMODE((tmp_path / "new").stat().st_mode)
    assert {path: mode for path, mode in made.items() if mode != (0o600 if path.is_file() else 0o700)} == {}


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "part.parquet")
    with pytest.raises(StoreError, match=r"part\.parquet in .* is no file.*Remove it"):
        files.fetch(str(tmp_path), "part.parquet")
