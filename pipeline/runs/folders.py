"""What lies in the store: the folders of runs, and files that a killed try left behind."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from pipeline.config import dates
from pipeline.store import files, objects

# Younger files may be in the making.
GRACE = timedelta(days=1)

# Only what our own stages name is ever looked at, so that a store that holds other things too keeps them.
_OURS = re.compile(
    r"(?P<score_date>\d{4}-\d\d-\d\d)/(?P<run_id>\d{1,18})/"
    r"((part|scored|profile|rejected|challenger|chosen|reasons|contributions)-\d{5,}\.parquet|rejected\.parquet|"
    r"run\.json)"
    r"(?P<aside>\.[0-9a-f]{32}\.tmp)?"
)


@dataclass(frozen=True)
class Folder:
    """A run's folder in the store.

    Attributes:
        score_date: as the folder above says.
        run_id: as its name says.
        files: path and bytes of each whole file.
        aside: path and bytes of each file that was never made whole.
    """

    score_date: date
    run_id: int
    files: dict[str, int]
    aside: dict[str, int]


def folders(store: str, job: str) -> list[Folder]:
    """Every run's folder that a job has in the store.

    Raises:
        StoreError: the store cannot be used.
    """
    filesystem, root = files.open_store(store)
    filesystem.invalidate_cache()
    by_run: dict[tuple[date, int], Folder] = {}
    with suppress(FileNotFoundError), files.reaching(store):
        for path, info in filesystem.find(f"{root}/{job}", detail=True).items():
            ours = _OURS.fullmatch(path.rpartition(f"/{job}/")[2])
            day = dates.parse_or_none(ours["score_date"]) if ours else None
            if ours and day:
                key = (day, int(ours["run_id"]))
                folder = by_run.setdefault(key, Folder(*key, {}, {}))
                (folder.aside if ours["aside"] else folder.files)[path] = int(info["size"])
    return [by_run[key] for key in sorted(by_run)]


def old(store: str, paths: Iterable[str]) -> list[str]:
    """Those of the files that were written before the grace period."""
    filesystem, _ = files.open_store(store)
    limit = datetime.now(UTC) - GRACE
    due = []
    for path in paths:
        with suppress(FileNotFoundError), files.reaching(store):  # made whole or given up meanwhile
            if filesystem.modified(path) < limit:
                due.append(path)
    return due


def discard(store: str, path: str) -> None:
    """Remove one file, which is named below the store, where there is one."""
    filesystem, root = files.open_store(store)
    with suppress(FileNotFoundError), files.reaching(store):
        filesystem.rm_file(f"{root}/{path}")


def remove(store: str, paths: Sequence[str]) -> None:
    """Remove files, and their folder when that leaves it empty."""
    filesystem, _ = files.open_store(store)
    with files.reaching(store):
        filesystem.rm(list(paths))
    if isinstance(filesystem, LocalFileSystem):
        for folder in {Path(path).parent for path in paths}:
            with suppress(OSError):  # not empty
                folder.rmdir()
                folder.parent.rmdir()


def named(
    store: str, folder: str, pattern: re.Pattern[str], aside: list[str]
) -> Iterator[tuple[re.Match[str], str]]:
    """The files below a folder that have names of ours, with the parts of those names."""
    for path in objects.find(store, folder):
        if name := pattern.fullmatch(path.removeprefix(f"{folder}/")):
            yield name, path
        else:
            aside.append(not_ours(path))


def not_ours(path: str) -> str:
    """A sentence about a file that is none of ours."""
    return f"{path} in the store is no file of the pipeline's. It was left out: remove it."
