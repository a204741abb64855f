"""Large files of models, outside git: any fsspec URL, where each lies once, under its own SHA-256.

    sha256/ba/ba7816bf...    a file's bytes, which never change and are never removed by us

A file is put here before anything names it, so whoever is told a digest gets it whole. Nobody believes the store: what
comes out of it is compared with its digest, as it streams.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from pipeline.errors import UsageError
from pipeline.store import files

SETTING = "SCORING_ARTEFACTS"
# Smaller files stay in git, in bytes.
LARGE = 1_000_000
_BLOCK = 8 << 20


class ArtefactError(UsageError):
    """A large file of a model that is missing, altered, or out of reach."""


@dataclass(frozen=True)
class Artefact:
    """A file that is kept outside git.

    Attributes:
        name: whose it is, for messages.
        sha256: of its bytes.
        size: how many they are.

    Raises:
        ArtefactError: its digest is none.
    """

    name: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):  # it names a file here and in the store
            raise ArtefactError(
                f"{self.name}: {self.sha256[:99]!r} is no SHA-256. Restore the manifest from git."
            )

    @property
    def path(self) -> str:
        """Where it lies below the store."""
        return f"sha256/{self.sha256[:2]}/{self.sha256}"


def put(store: str, artefact: Artefact, content: bytes) -> bool:
    """Put a file into the store, whole or not at all; whether it was not there as it should be.

    One that is there is read first: a damaged one is replaced. Several may put the same file at once.

    Raises:
        ArtefactError: the credentials are missing, or give no right.
        StoreError: the store refuses to be written.
    """
    with _reaching(store, "written"):
        try:
            if _digest(store, artefact) == artefact.sha256:
                return False
        except FileNotFoundError:
            pass
        files.put(store, artefact.path, content, shared=True, setting=SETTING)
    return True


def copy(store: str, artefact: Artefact, target: IO[bytes]) -> None:
    """Copy a file out of the store, and compare it with its digest while it streams.

    Args:
        store: where large files are kept.
        artefact: the file.
        target: takes its bytes, which may be believed only where nothing is raised.

    Raises:
        ArtefactError: it is not there or altered, or the credentials are missing or give no right.
    """
    digest, size = hashlib.sha256(), 0
    with _reaching(store, "read"):
        try:
            for block in _blocks(store, artefact):
                digest.update(block)
                size += target.write(block)
        except FileNotFoundError as error:
            raise missing(store, artefact) from error
    if digest.hexdigest() != artefact.sha256:
        raise altered(store, artefact, f"its SHA-256 is {digest.hexdigest()}, of {size} bytes")


def altered(store: str, artefact: Artefact, seen: str) -> ArtefactError:
    """The error where a file is not the registered one."""
    return ArtefactError(
        f"{artefact.name}: {artefact.path} in {store} is not what was registered, which has {artefact.size} bytes: "
        f"{seen}. It was not used. Put the registered file there again from a copy, or register the same file once "
        "more; and have the storage checked."
    )


def missing(store: str, artefact: Artefact) -> ArtefactError:
    """The error where a file is not in the store."""
    return ArtefactError(
        f"{artefact.name}: {artefact.path} is missing from {store}. Correct {SETTING}, put the file there again from a "
        "copy, or register the same file once more."
    )


def unset(artefact: Artefact) -> ArtefactError:
    """The error where nothing says where large files are."""
    return ArtefactError(
        f"{artefact.name} is kept outside git, and {SETTING} is not set. Set it to the folder or fsspec URL that was "
        f"set when the version was registered, for every process that reads models."
    )


def size_of(store: str, artefact: Artefact) -> int | None:
    """How many bytes lie in a file's place; None where there is none. Nothing is read.

    Raises:
        ArtefactError: the credentials are missing, or give no right.
    """
    filesystem, root = files.open_store(store, SETTING)
    filesystem.invalidate_cache()
    with _reaching(store, "read"):
        try:
            return int(filesystem.size(f"{root}/{artefact.path}"))
        except FileNotFoundError:
            return None


def _digest(store: str, artefact: Artefact) -> str:
    digest = hashlib.sha256()
    for block in _blocks(store, artefact):
        digest.update(block)
    return digest.hexdigest()


def _blocks(store: str, artefact: Artefact) -> Iterator[bytes]:
    filesystem, root = files.open_store(store, SETTING)
    filesystem.invalidate_cache()
    path = f"{root}/{artefact.path}"
    # Without a cache of its own each read is one request.
    with filesystem.open(path, "rb", block_size=_BLOCK, cache_type="none") as file:
        while block := file.read(_BLOCK):
            yield block


@contextmanager
def _reaching(store: str, use: str) -> Iterator[None]:
    """Say what to do where the store lets nobody in; what else a client raises is worth a retry."""
    try:
        with files.reaching(store):
            yield
    except (FileNotFoundError, IsADirectoryError):
        raise
    except OSError as error:
        cause = error.__cause__ or error
        refused = isinstance(error, PermissionError)
        if not refused and "credential" not in f"{type(cause).__name__} {cause}".lower():
            raise
        raise ArtefactError(
            f"the artefact store {store} refuses to be {use}: {cause}. Set its credentials in this process' "
            "environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://, else FSSPEC_<PROTOCOL>_<OPTION>), or "
            f"grant the right; or correct {SETTING}."
        ) from error
