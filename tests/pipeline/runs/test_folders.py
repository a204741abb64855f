"""pipeline/runs/folders.py: only what our own stages name is looked at, and nothing younger than a day."""

import os
import re
import time
from datetime import date
from pathlib import Path

from pipeline.runs import folders

PART = "2024-03-01/7/part-00000.parquet"


def put(store: Path, *names: str) -> None:
    """Files of one byte."""
    for name in names:
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_bytes(b"x")


def test_a_runs_files_are_listed_and_what_was_never_made_whole_apart(tmp_path: Path) -> None:
    torn = f"{PART}.{'0' * 32}.tmp"
    put(
        tmp_path,
        f"job/{PART}",
        f"job/{torn}",
        "job/2024-03-01/7/run.json",
        "job/2024-03-02/8/rejected.parquet",
    )
    first, second = folders.folders(str(tmp_path), "job")
    assert (first.score_date, first.run_id, second.run_id) == (date(2024, 3, 1), 7, 8)
    assert {Path(path).name for path in first.files} == {"part-00000.parquet", "run.json"}
    assert {Path(path).name: size for path, size in first.aside.items()} == {Path(torn).name: 1}


def test_what_has_no_name_of_ours_is_not_even_seen(tmp_path: Path) -> None:
    put(
        tmp_path, "job/2024-03-01/7/notes.txt", "job/2024-02-30/7/part-00000.parquet", "job/notes/7/run.json",
        "job/part-00000.parquet", f"other/{PART}",
    )  # fmt: skip
    assert folders.folders(str(tmp_path), "job") == []
    assert folders.folders(str(tmp_path / "nothing"), "job") == []


def test_a_file_is_old_after_a_day_and_one_that_went_meanwhile_is_none(tmp_path: Path) -> None:
    put(tmp_path, "new", "old")
    yesterday = time.time() - 90_000
    os.utime(tmp_path / "old", (yesterday, yesterday))
    paths = [str(tmp_path / name) for name in ("new", "old", "gone")]
    assert folders.old(str(tmp_path), paths) == [str(tmp_path / "old")]


def test_removed_files_take_their_empty_folders_with_them(tmp_path: Path) -> None:
    put(tmp_path, f"job/{PART}", "job/2024-03-01/8/run.json")
    [first, second] = folders.folders(str(tmp_path), "job")
    folders.remove(str(tmp_path), [*first.files])
    assert folders.folders(str(tmp_path), "job") == [second]
    assert not (tmp_path / "job/2024-03-01/7").exists()
    folders.remove(str(tmp_path), [*second.files])
    assert not (tmp_path / "job/2024-03-01").exists()


def test_a_file_is_discarded_where_there_is_one(tmp_path: Path) -> None:
    put(tmp_path, "a")
    for _ in range(2):
        folders.discard(str(tmp_path), "a")
    assert not (tmp_path / "a").exists()


def test_other_names_are_put_aside_with_a_remedy(tmp_path: Path) -> None:
    put(tmp_path, ".scoring/moves/1.json", ".scoring/moves/x")
    aside: list[str] = []
    named = folders.named(str(tmp_path), ".scoring/moves", re.compile(r"(?P<number>[0-9]+)\.json"), aside)
    assert [(match["number"], path) for match, path in named] == [("1", ".scoring/moves/1.json")]
    assert aside == [
        ".scoring/moves/x in the store is no file of the pipeline's. It was left out: remove it."
    ]
