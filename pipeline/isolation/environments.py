"""Environments of versions: each is made once from its lock, by uv, and reused by every version with that lock.

    .local/environments/3.11-0c5e.../     an environment, by its Python and the lock's digest: whole, or not there

Two processes that need the same one at once make it once. One that is killed meanwhile leaves a folder that nothing
takes for an environment, and that the next one removes.
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ScoringError
from pipeline.isolation import uv
from pipeline.isolation.uv import UvError

SETTING = "SCORING_ENVIRONMENTS"

# A line of a lock, once those that go on have been put together.
_PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+-]+(\s+--hash=sha256:[0-9a-f]{64})+")

log = logging.getLogger(__name__)


class BuildError(ScoringError):
    """The environment that a version needs cannot be made."""


def folder(home: Path) -> Path:
    """Where environments are kept: `SCORING_ENVIRONMENTS`, else .local/environments in the home."""
    return Path(os.environ.get(SETTING) or home / ".local" / "environments")


def interpreter(lock: bytes, python: str, home: Path, label: str) -> Path:
    """The interpreter of a lock's environment, which is made where it is not there.

    Args:
        lock: requirements with hashes.
        python: version of Python, such as 3.11.
        home: the folder that holds models/.
        label: the model's name and version, for messages.

    Raises:
        BuildError: it cannot be made.
    """
    root = folder(home)
    name = f"{python}-{hashlib.sha256(lock).hexdigest()[:32]}"
    program = root / name / "bin" / "python"
    _require_plain(lock, label)
    try:
        if program.exists():
            return _trusted(program, label)
        root.mkdir(parents=True, exist_ok=True)
        with _only_maker(root / f".{name}.lock"):
            if not program.exists():
                log.warning("making the environment of model %s in %s", label, root / name)
                _make(root, name, python, lock)
    except UvError as error:
        raise BuildError(f"{_unmade(label)} {error} {_ahead(label)}") from error
    except OSError as error:
        raise BuildError(
            f"{_unmade(label)} {root} cannot be written: {error.strerror}. Name a folder that can be in {SETTING}. "
            f"{_ahead(label)}"
        ) from error
    return _trusted(program, label)


def _require_plain(lock: bytes, label: str) -> None:
    """Refuse a lock with anything but versions and hashes: an option or an address would choose another index."""
    text = lock.decode(errors="replace").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#") and not _PIN.fullmatch(line.strip()):
            raise BuildError(
                f"{_unmade(label)} its lock has the line {line.strip()[:100]!r}, which is no version with its hashes. "
                "Nothing was installed. Find out who wrote it, and register the model again."
            )


def _trusted(program: Path, label: str) -> Path:
    """The interpreter, where nobody else can have put it there: what it loads runs before a model is shut in."""
    owners = {0, os.geteuid(), Path(sys.executable).stat().st_uid}
    for folder in (program.parents[1], program.parents[2]):
        status = folder.stat()
        if status.st_uid not in owners or status.st_mode & stat.S_IWOTH:
            raise BuildError(
                f"model {label}: its environment cannot be used: others can write to {folder}, and so have its "
                f"libraries run what they like. Remove it, and name a folder of your own in {SETTING}."
            )
    return program


def _make(root: Path, name: str, python: str, lock: bytes) -> None:
    for left in root.glob(f".making-{name}-*"):  # by one that was killed: nobody else is at it
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f".making-{name}-", dir=root))
    try:
        place, requirements = aside / "environment", aside / "requirements.lock"
        requirements.write_bytes(lock)
        uv.run("venv", "--quiet", "--no-project", "--python", _python(python), str(place))
        # What is no wheel would be built, and so run code of its own.
        uv.run(
            *("pip", "install", "--quiet", "--python", str(place / "bin" / "python"), "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", "--requirements", str(requirements)),
        )
        os.rename(place, root / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _python(version: str) -> str:
    """This process's own Python where it is of that version: uv looks for another."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if version == own else version


@contextmanager
def _only_maker(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unmade(label: str) -> str:
    return f"model {label} needs other libraries than those installed, and its environment cannot be made:"


def _ahead(label: str) -> str:
    name, _, version = label.rpartition(" version ")
    return f"Where there is no network, make it ahead: scoring environments build {name} {version}"
