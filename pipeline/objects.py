"""Small JSON files of ours in the store, each with a digest of itself as its last line.

`head -n 1 FILE | sha256sum` gives what `tail -n 1 FILE` says.
"""

import hashlib
from contextlib import suppress

from pipeline import parts
from pipeline.parts import PartError

# No job's name begins so: whatever lies below belongs to no run's folder.
FOLDER = ".scoring"


def put(store: str, path: str, value: str, *, exclusive: bool = False) -> None:
    """Write a JSON text with its digest.

    Args:
        store: where runs keep their parts.
        path: the file below the store.
        value: JSON, of one line.
        exclusive: refuse where there is a file of that name.

    Raises:
        FileExistsError: exclusive, and there is one.
        StoreError: the store refuses to be written.
    """
    line = f"{value}\n".encode()
    parts.put(store, path, line + f"{hashlib.sha256(line).hexdigest()}\n".encode(), exclusive=exclusive)


def read(store: str, path: str) -> str | None:
    """The JSON text of a file; None where there is none.

    Raises:
        PartError: the file is not what was written.
    """
    try:
        content = parts.fetch(store, path)
    except FileNotFoundError:
        return None
    line, _, digest = content.partition(b"\n")
    if hashlib.sha256(line + b"\n").hexdigest().encode() != digest.strip():
        raise PartError(
            f"{path} in {store} is not what was written: its last line is not the SHA-256 of its first. "
            "Restore the file from a copy of the store, and have the storage checked."
        )
    return line.decode()


def names(store: str, folder: str) -> list[str]:
    """The names of what lies directly in a folder, files and folders, in order; none where there is no folder."""
    filesystem, root = parts.open_store(store)
    filesystem.invalidate_cache()
    with suppress(FileNotFoundError), parts.reaching(store):
        listed = filesystem.ls(f"{root}/{folder}", detail=False)
        return sorted(
            name for path in listed if (name := path.rstrip("/").rpartition("/")[2]) and _whole(name)
        )
    return []


def find(store: str, folder: str) -> list[str]:
    """The paths, below the store and in order, of all files below a folder."""
    filesystem, root = parts.open_store(store)
    filesystem.invalidate_cache()
    with suppress(FileNotFoundError), parts.reaching(store):
        paths = filesystem.find(f"{root}/{folder}")
        return sorted(folder + path.rpartition(f"/{folder}")[2] for path in paths if _whole(path))
    return []


def _whole(name: str) -> bool:
    return not name.endswith(".tmp")
