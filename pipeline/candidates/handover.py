"""Training rows between two tasks: in the store, in a folder apart, and no longer than a training takes.

They name entities. So they are removed once the candidate is entered, or its training has failed; and whatever a killed
task has left goes when rows are next laid there.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pipeline.store import files

# No job's name begins with _.
_FOLDER = "_training"
# Older ones belong to no training: job files allow a week.
_GRACE = timedelta(days=8)


def put(store: str, job: str, trigger: str, path: Path) -> None:
    """Lay training rows into the store, and remove old ones.

    Args:
        store: where runs keep their parts.
        job: the job's name.
        trigger: what has it trained.
        path: the rows' file.

    Raises:
        StoreError: the store refuses to be written.
    """
    _sweep(store, job)
    files.put(store, _path(job, trigger), path.read_bytes())


def fetch(store: str, job: str, trigger: str, path: Path) -> None:
    """Copy training rows out of the store.

    Raises:
        FileNotFoundError: they are not there.
    """
    path.write_bytes(files.fetch(store, _path(job, trigger)))


def remove(store: str, job: str, trigger: str) -> None:
    """Remove training rows from the store, where they are there."""
    filesystem, root = files.open_store(store)
    with suppress(FileNotFoundError), files.reaching(store):
        filesystem.rm_file(f"{root}/{_path(job, trigger)}")


def _path(job: str, trigger: str) -> str:
    # A trigger is any text.
    return f"{_FOLDER}/{job}/{sha256(trigger.encode()).hexdigest()[:32]}.parquet"


def _sweep(store: str, job: str) -> None:
    filesystem, root = files.open_store(store)
    filesystem.invalidate_cache()
    limit = datetime.now(UTC) - _GRACE
    with suppress(FileNotFoundError), files.reaching(store):
        for path in filesystem.find(f"{root}/{_FOLDER}/{job}"):
            if filesystem.modified(path) < limit:
                filesystem.rm_file(path)
