"""Small JSON files of ours in the store, each with a digest of itself and a seal in its last two lines.

`head -n 1 FILE | sha256sum` gives what the second line says: it tells a damaged file. The third is an HMAC-SHA256 over
the file's path and content, with a key that the predictions database alone has. Tasks that unpickle a model write into
the store as well, and have no way to the database: what they write there is not believed.
"""

import hashlib
import hmac
from contextlib import suppress

from pipeline.store import files
from pipeline.store.parts import PartError

# No job's name begins so: whatever lies below belongs to no run's folder.
FOLDER = ".scoring"


class UnsealedError(PartError):
    """A file that the database has not sealed: somebody else wrote, moved or altered it."""


def put(store: str, path: str, value: str, secret: bytes, *, exclusive: bool = False) -> None:
    """Write a JSON text with its digest and its seal.

    Args:
        store: where runs keep their parts.
        path: the file below the store.
        value: JSON, of one line.
        secret: the database's key.
        exclusive: refuse where there is a file of that name.

    Raises:
        FileExistsError: exclusive, and there is one.
        StoreError: the store refuses to be written.
    """
    line = f"{value}\n".encode()
    last = f"{hashlib.sha256(line).hexdigest()}\n{_seal(path, line, secret)}\n"
    files.put(store, path, line + last.encode(), exclusive=exclusive)


def read(store: str, path: str, secret: bytes | None) -> str | None:
    """The JSON text of a file; None where there is none.

    Args:
        store: where runs keep their parts.
        path: the file below the store.
        secret: the database's key; None where it is lost, so that nobody can tell who wrote the file.

    Raises:
        PartError: the file is damaged.
        UnsealedError: it does not have the database's seal.
    """
    try:
        content = files.fetch(store, path)
    except FileNotFoundError:
        return None
    except (IsADirectoryError, NotADirectoryError) as error:
        raise PartError(f"{path} in {store} is no file. Remove it.") from error
    line, _, rest = content.partition(b"\n")
    digest, _, seal = rest.partition(b"\n")
    if hashlib.sha256(line + b"\n").hexdigest().encode() != digest:
        raise PartError(
            f"{path} in {store} is not what was written: its second line is not the SHA-256 of its first. "
            "Restore the file from a copy of the store, and have the storage checked."
        )
    if secret is not None and not hmac.compare_digest(
        _seal(path, line + b"\n", secret).encode(), seal.strip()
    ):
        raise UnsealedError(
            f"{path} in {store} does not have this database's seal: somebody else wrote, moved or altered it. "
            "Restore the file from a copy of the store, or remove it, and find out who writes there."
        )
    return line.decode()


def sealed(store: str, path: str, secret: bytes) -> bool:
    """Whether there is a file that the database has sealed."""
    try:
        return read(store, path, secret) is not None
    except PartError:
        return False


def _seal(path: str, line: bytes, secret: bytes) -> str:
    return hmac.new(secret, path.encode() + b"\n" + line, hashlib.sha256).hexdigest()


def names(store: str, folder: str) -> list[str]:
    """The names of what lies directly in a folder, files and folders, in order; none where there is no folder."""
    filesystem, root = files.open_store(store)
    filesystem.invalidate_cache()
    with suppress(FileNotFoundError), files.reaching(store):
        listed = filesystem.ls(f"{root}/{folder}", detail=False)
        return sorted(
            name for path in listed if (name := path.rstrip("/").rpartition("/")[2]) and _whole(name)
        )
    return []


def find(store: str, folder: str) -> list[str]:
    """The paths, below the store and in order, of all files below a folder."""
    filesystem, root = files.open_store(store)
    filesystem.invalidate_cache()
    with suppress(FileNotFoundError), files.reaching(store):
        paths = filesystem.find(f"{root}/{folder}")
        return sorted(folder + path.rpartition(f"/{folder}")[2] for path in paths if _whole(path))
    return []


def _whole(name: str) -> bool:
    return not name.endswith(".tmp")
