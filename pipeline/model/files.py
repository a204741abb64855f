"""The files of a version: read once, plain, and as they were signed."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pipeline.model import signature
from pipeline.model.artifact import ModelError
from pipeline.model.signature import SignatureError


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a version but its signature.

    Raises:
        ModelError: one cannot be read, or is no plain file.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {
        path.relative_to(folder).as_posix(): sha256(read_once(path))
        for path in files
        if path != folder / signature.FILE
    }


def require_signed(folder: Path, files: Mapping[str, str], *, whole: bool = False) -> None:
    """Compare files with the version's signature, where a key is configured.

    Args:
        folder: of the version.
        files: SHA-256 of each file, by name.
        whole: whether these are all the files, so that the signature may name no others.

    Raises:
        ModelError: there is no signature of a trusted key, or it is of other files.
    """
    if not signature.required():
        return
    path = folder / signature.FILE
    try:
        if not path.exists():
            raise signature.missing(path)
        signed = signature.verify(read_once(path), path)
        for file in sorted({*files, *(signed if whole else ())}):
            if files.get(file) != signed.get(file):
                raise signature.altered(path, file)
    except SignatureError as error:
        raise ModelError(str(error)) from error


def sha256(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_once(path: Path) -> bytes:
    """A file's bytes, read in one go, so that what is checked is what is used.

    Raises:
        ModelError: it cannot be read, or is no plain file.
    """
    try:
        # O_NONBLOCK: a pipe in the file's place would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
            reason = "a pipe or device"
    except OSError as error:
        reason = str(error.strerror)
    raise ModelError(
        f"{path} cannot be read: {reason}. A model is a plain file, never a link; restore it from git."
    )


def registered(path: Path, digest: str) -> bytes:
    """A file's bytes, which have to be those that were registered.

    Raises:
        ModelError: the file is missing, or altered.
    """
    content = read_once(path)
    if (here := sha256(content)) != digest:
        raise ModelError(
            f"{path} is not as it was registered: its SHA-256 is {here}, the manifest's is {digest}. The model was not "
            "loaded. Restore the file from git."
        )
    return content


def require_no_link(folder: Path) -> None:
    """The pins are git-reviewed text: a link would put text in their place that nobody reviewed."""
    if folder.is_symlink():
        raise ModelError(f"{folder} is a link. A model is a plain folder below models/: restore it from git.")
