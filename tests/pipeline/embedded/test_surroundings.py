"""Machines as people have them: several users, private folders, long paths, odd environments, no room.

`tests/local/test_demo.py` plays the whole demonstration in the worst of them.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.embedded import server, surroundings
from pipeline.embedded.locks import EmbeddedError

ROOT = Path(__file__).resolve().parents[3]
IS_ROOT = os.geteuid() == 0
with_users = pytest.mark.skipif(
    not IS_ROOT or not surroundings.is_open(surroundings.package()),
    reason="only root can become another user, who must be able to run the programs of .venv",
)
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")

# A process of another user: what it needs of Python is loaded before, for the interpreter may be in a private folder.
AS_USER = """
import os, sys, pwd
from pathlib import Path
from pipeline.embedded import locks, server
import adbc_driver_postgresql.dbapi as adbc, psycopg
for connect in adbc.connect, psycopg.connect:
    try:
        connect("postgresql:///none?host=/none")
    except Exception:
        pass
account = pwd.getpwnam(sys.argv[1])
os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
os.environ.clear()
folder = Path(sys.argv[2])
try:
    running = server.start(folder)
except locks.EmbeddedError as error:
    print(error, flush=True)
    raise SystemExit(1)
with psycopg.connect(running.connections["analyst"]) as session:
    print(session.execute("SELECT current_user").fetchone()[0], running.socket, flush=True)
sys.stdin.read()
"""


def begin(user: str, folder: Path) -> subprocess.Popen[str]:
    """A process of another user that uses the embedded server of a folder until its input ends."""
    command = [sys.executable, "-c", AS_USER, user, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def say(process: subprocess.Popen[str]) -> str:
    """The first line that a process printed; what it complained of where there is none."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().strip() or process.stderr.read()


def modes(folder: Path) -> dict[Path, int]:
    """Modes of a folder and of all that it lies in."""
    return {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.parents]}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="scoring-tests-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def outsiders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders outside of .local are made during a test."""
    (folder / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
    return folder / "tmp"


def long_path(folder: Path) -> Path:
    """A path of 150 bytes with spaces and an umlaut, in a folder that is closed to others."""
    (folder / "private").mkdir(mode=0o700)
    start = folder / "private" / "Müllers nightly scores"
    path = start / ("x" * (150 - len(os.fsencode(start)) - 1))
    path.mkdir(parents=True)
    return path


def test_a_long_path_has_its_socket_in_a_private_folder_that_goes_with_the_server(
    folder: Path, outsiders: Path
) -> None:
    checkout = long_path(folder)
    before = modes(checkout)
    running = server.start(checkout / ".local")
    try:
        [made] = outsiders.iterdir()
        assert running.socket.parent == made
        assert len(os.fsencode(running.socket / surroundings.SOCKET)) < 104
        for path, mode in ((made, 0o711 if IS_ROOT else 0o700), (running.socket, 0o700)):
            assert stat.S_IMODE(path.stat().st_mode) == mode
        assert server.start(checkout / ".local") == running
    finally:
        server.stop(checkout / ".local")
    assert list(outsiders.iterdir()) == []
    assert modes(checkout) == before


def test_what_a_crash_left_outside_is_removed_by_the_next_stop(folder: Path, outsiders: Path) -> None:
    left = surroundings.Outside(folder / "postgres.run" / "outside")
    left.record.parent.mkdir(mode=0o700)
    (outsiders / "scoring-left").mkdir()
    left.record.write_text(str(outsiders / "scoring-left"))
    assert server.stop(folder) == []
    assert list(outsiders.iterdir()) == []
    # Removed by the machine's own cleaning, and made again by somebody else.
    (outsiders / "theirs").mkdir()
    (outsiders / "scoring-left").symlink_to(outsiders / "theirs")
    left.record.write_text(str(outsiders / "scoring-left"))
    assert server.stop(folder) == []
    assert (outsiders / "theirs").is_dir()


def test_a_socket_that_was_cleaned_away_is_named_and_the_server_can_be_stopped(
    folder: Path, outsiders: Path
) -> None:
    checkout = long_path(folder)
    running = server.start(checkout / ".local")
    shutil.rmtree(running.socket)
    try:
        with pytest.raises(EmbeddedError, match="was removed. Stop it with `make down`"):
            server.start(checkout / ".local")
    finally:
        assert server.stop(checkout / ".local") == []
    assert not server.is_running(checkout / ".local")


@only_root
def test_programs_that_are_closed_to_others_are_copied_for_roots_server(
    folder: Path, outsiders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "private").mkdir(mode=0o700)
    for part in surroundings.package().parents[1].glob(f"{surroundings.package().parent.name}*"):
        (folder / "private" / part.name).symlink_to(part)
    closed = folder / "private" / surroundings.package().relative_to(surroundings.package().parents[1])
    assert not surroundings.is_open(closed)
    monkeypatch.setattr(surroundings, "package", lambda: closed)
    before = modes(closed.parent)
    running = server.start(folder / ".local")
    try:
        [made] = outsiders.iterdir()
        assert {path.name for path in made.iterdir()} == {"programs"}
        assert stat.S_IMODE(made.stat().st_mode) == 0o711
        assert running.data.stat().st_uid == surroundings.SERVER_UID
    finally:
        server.stop(folder / ".local")
    assert list(outsiders.iterdir()) == []
    assert modes(closed.parent) == before


@only_root
def test_roots_server_is_not_root_and_no_account_is_made_for_it(folder: Path) -> None:
    accounts = Path("/etc/passwd").read_text()
    (folder / "private").mkdir(mode=0o700)
    running = server.start(folder / "private" / ".local")
    try:
        pid = (running.data / "postmaster.pid").read_text().split()[0]
        status = Path(f"/proc/{pid}/status").read_text()
        assert f"Uid:\t{surroundings.SERVER_UID}\t{surroundings.SERVER_UID}" in status
        assert f"Gid:\t{surroundings.SERVER_UID}\t{surroundings.SERVER_UID}" in status
        assert "CapEff:\t0000000000000000" in status
        with pytest.raises(KeyError):
            pwd.getpwuid(surroundings.SERVER_UID)
    finally:
        server.stop(folder / "private" / ".local")
    assert Path("/etc/passwd").read_text() == accounts
    assert stat.S_IMODE((folder / "private").stat().st_mode) == 0o700


@with_users
def test_two_users_have_two_servers_at_once_and_none_gets_the_others(folder: Path) -> None:
    with ExitStack() as held:
        processes = {}
        for user in ("bin", "daemon"):
            (folder / user).mkdir()
            shutil.chown(folder / user, user)
            processes[user] = held.enter_context(begin(user, folder / user / ".local"))
        for user, process in processes.items():
            assert say(process) == f"analyst {folder / user / '.local' / 'postgres'}"
        with begin("daemon", folder / "bin" / ".local") as stranger:
            refused = say(stranger)
        assert "Permission denied. The embedded Postgres is for the one user who made" in refused
        with pytest.raises(EmbeddedError, match="for the one user who made"):
            server.start(folder / "bin" / ".local")
        for process in processes.values():
            process.communicate()
    for user in processes:
        assert not server.is_running(folder / user / ".local")


@with_users
def test_a_checkout_that_cannot_be_written_is_refused_with_a_sentence(folder: Path) -> None:
    (folder / "theirs").mkdir(mode=0o755)
    with begin("bin", folder / "theirs" / ".local") as process:
        assert f"{folder}/theirs/.local: Permission denied." in say(process)


def test_a_user_without_a_name_is_told_what_postgres_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 64999)
    with pytest.raises(EmbeddedError, match="User id 64999 has no account"):
        surroundings.account()
