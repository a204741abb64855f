"""One Postgres server of one data folder: made, started, looked at, stopped.

It is driven without `pg_ctl`, which hands paths to a shell. It inherits a locked file: for as long as the postmaster or
any of its children lives, the file is locked, so that no pid has to be believed.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.embedded import surroundings
from pipeline.embedded.locks import EmbeddedError, is_locked
from pipeline.embedded.surroundings import Account, Outside

READY_SECONDS = 120
_STOPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
_TITLE = "scoring-"

# Nothing of the caller's environment reaches the server: it holds secrets, a language, a time zone, PG* settings.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
# The same order and the same letters on every machine.
_LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_RULES = """\
# The operating system's user that made this server may be any of its roles. Nobody else may be any.
local all,replication all peer map=owner
"""

# Children of this process, kept so that they are not reported as left behind when it ends before them.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Postmaster:
    """The server of one folder.

    Attributes:
        data: its data folder, which belongs to the user that it runs as.
        run: folder beside it, of ours alone: locks and log.
    """

    data: Path
    run: Path

    @property
    def outside(self) -> Outside:
        """What it has outside of .local."""
        return Outside(self.run / "outside")

    @property
    def socket(self) -> Path:
        """Folder of its socket."""
        return self.outside.socket(self.data)

    def is_alive(self) -> bool:
        """Whether any process of it lives."""
        return is_locked(self.run / "server")

    def start(self) -> None:
        """Have it run: made where there is none, started where it is stopped, awaited where it is starting.

        Raises:
            EmbeddedError: it does not come up; the message holds the end of its log.
        """
        user = surroundings.account()
        self._require_ours(user)
        deadline, launched = time.monotonic() + READY_SECONDS, False
        while not self._is_ready():
            if not self.is_alive():
                if launched:
                    raise EmbeddedError(
                        f"The embedded Postgres in {self.data} did not start.\n{self._tail()}"
                    )
                self._launch(user)
                launched = True
            elif self._pid_file() and self._postmaster() is None:
                # Its postmaster was killed. What is left serves nobody new, and ends sooner or later.
                self._signal(signal.SIGQUIT)
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded Postgres in {self.data} is not ready after {READY_SECONDS} s. "
                    f"Wait, and try again, or end it with `make down`.\n{self._tail()}"
                )
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it: asked first, then told, then killed.

        Raises:
            EmbeddedError: it lives on.
        """
        for number, seconds in _STOPS:
            self._signal(number)
            deadline = time.monotonic() + (seconds if self._postmaster() else 1)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.005)
            if not self.is_alive():
                self.outside.remove()
                return
        raise EmbeddedError(f"The embedded Postgres in {self.data} could not be stopped.\n{self._tail()}")

    def _launch(self, user: Account) -> None:
        self.outside.make(self.data, user)
        if not (self.data / "PG_VERSION").exists():
            self._make(user)
        self._forget_crash()
        self._write("pg_hba.conf", _RULES, user)
        self._write("pg_ident.conf", f'owner "{surroundings.user_name()}" all\n', user)
        directory = "." if self.socket == self.data else f'"{self.socket}"'
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": directory,
            "unix_socket_permissions": "0700",
            "cluster_name": self._title,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "scoring.folder": str(self.data),  # for whoever looks at the list of processes
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [
            str(self.outside.programs() / "postgres"),
            "-D",
            surroundings.path_for(self.data, user),
            *options,
        ]
        with (self.run / "server").open("a") as lock, (self.run / "log").open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _children.append(
                subprocess.Popen(
                    command,
                    cwd=self.data,
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock.fileno()],
                    start_new_session=True,
                    umask=0o077,
                    **user.switch,
                )
            )

    def _make(self, user: Account) -> None:
        """Make an empty cluster aside and then put it in its place: a crash leaves no half of one."""
        # A server whose folder was removed under it.
        self._signal(signal.SIGKILL)
        draft = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        # `initdb` asks for the name of its user. `nobody` has one, and cannot reach the folder before or after.
        maker = user if not user.switch else Account(pwd.getpwnam("nobody").pw_uid)
        surroundings.give(draft, maker)
        program = str(self.outside.programs() / "initdb")
        made = subprocess.run(
            [
                program,
                "-D",
                surroundings.path_for(draft, maker),
                "--username=postgres",
                "--auth=peer",
                *_LOCALE,
            ],
            cwd=draft,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            errors="replace",
            umask=0o077,
            **maker.switch,
        )
        if made.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedError(
                f"The embedded Postgres in {self.data} could not be made.\n{made.stderr or made.stdout}".rstrip()
            )
        surroundings.give(draft, user)
        if self.data.exists():
            self.data.rmdir()
        draft.rename(self.data)

    def _require_ours(self, user: Account) -> None:
        if self.data.exists() and (owner := self.data.stat().st_uid) != user.uid:
            theirs, ours = surroundings.name_of(owner), surroundings.name_of(user.uid)
            raise EmbeddedError(
                f"{self.data} belongs to {theirs}, and the server would run as {ours}. "
                f"Run this as {theirs}, or remove the folder: it is made anew."
            )

    def _is_ready(self) -> bool:
        return self._pid_file()[7:8] == ["ready"] and self.is_alive() and self._postmaster() is not None

    def _pid_file(self) -> list[str]:
        try:
            text = (self.data / "postmaster.pid").read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _pid(self) -> psutil.Process | None:
        """The process that the pid file names, whosever it is."""
        try:
            return psutil.Process(int(self._pid_file()[0]))
        except (IndexError, ValueError, OverflowError, psutil.Error):
            return None

    def _postmaster(self) -> psutil.Process | None:
        process = self._pid()
        return process if process and self._is_mine(process) else None

    def _is_mine(self, process: psutil.Process) -> bool:
        """Whether it is a process of this server, by its command line or the title that Postgres gives itself."""
        try:
            words = " ".join(process.cmdline())
            return self._title in words and process.uids().effective == surroundings.account().uid
        except psutil.Error:
            return False

    @property
    def _title(self) -> str:
        return _TITLE + hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:16]

    def _signal(self, number: int) -> None:
        """Signal the postmaster, which tells its children; where there is none, those that it left."""
        if postmaster := self._postmaster():
            left = [postmaster]
        else:
            left = [process for process in psutil.process_iter() if self._is_mine(process)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _forget_crash(self) -> None:
        """Remove the pid files that a crash left, also where their pid is somebody else's by now.

        Postgres would take any process of that pid for a server. One that was started on this folder by hand is left
        for Postgres to see.
        """
        _children[:] = [child for child in _children if child.poll() is None]
        process = self._pid()
        with suppress(psutil.NoSuchProcess):
            if process and process.name() == "postgres" and _TITLE not in " ".join(process.cmdline()):
                return
        for name in ("postmaster.pid", surroundings.SOCKET, f"{surroundings.SOCKET}.lock"):
            (self.data / name).unlink(missing_ok=True)

    def _write(self, name: str, text: str, user: Account) -> None:
        """Replace a file in the server's folder, which as root is not ours: no link in it is followed."""
        draft = self.data / f"{name}.new"
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            if user.switch:
                os.fchown(file.fileno(), user.uid, user.uid)
        draft.replace(self.data / name)

    def _tail(self, lines: int = 20) -> str:
        log = self.run / "log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(text.rstrip().splitlines()[-lines:]) or "It wrote no log."
