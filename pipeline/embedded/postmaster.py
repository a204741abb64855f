"""One Postgres server of one data folder: made, started, looked at, stopped.

It is driven without `pg_ctl`, which hands paths to a shell. It inherits a locked file: for as long as the postmaster or
any of its children lives, the file is locked, so that no pid has to be believed.
"""

import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded import cluster, processes, surroundings
from pipeline.embedded.locks import EmbeddedError, is_locked
from pipeline.embedded.processes import Processes
from pipeline.embedded.surroundings import Account, Outside

READY_SECONDS = 120
_STOPS = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))

_RULES = """\
# The operating system's user that made this server may be any of its roles. Nobody else may be any.
local all,replication all peer map=owner
"""


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
    def processes(self) -> Processes:
        """Its processes, whatever became of its postmaster."""
        return Processes(self.data)

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

    @property
    def port(self) -> int:
        """The number that its socket is named after, and its port where it `listens`."""
        line = self.processes.pid_file()[3:4]
        return int(line[0]) if line and line[0].isdecimal() else surroundings.PORT

    @property
    def listens(self) -> bool:
        """Whether it listens on its port of the loopback."""
        return self.processes.pid_file()[5:6] == [surroundings.HOST]

    def start(self, port: int | None = None) -> None:
        """Have it run: made where there is none, started where it is stopped, awaited where it is starting.

        Args:
            port: of the loopback, for it to listen on where it has to be started; nobody is let in there.

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
                self._launch(user, port)
                launched = True
            elif self.processes.pid_file() and self.processes.postmaster() is None:
                # Its postmaster was killed. What is left serves nobody new, and ends sooner or later.
                self.processes.signal(signal.SIGQUIT)
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded Postgres in {self.data} is not ready after {READY_SECONDS} s. "
                    f"Wait, and try again, or end it with `make down`.\n{self._tail()}"
                )
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it: first it may finish, then it may not, then it is killed.

        Raises:
            EmbeddedError: it lives on.
        """
        for number, seconds in _STOPS:
            self.processes.signal(number)
            deadline = time.monotonic() + (seconds if self.processes.postmaster() else 1)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.005)
            if not self.is_alive():
                self.outside.remove()
                return
        raise EmbeddedError(f"The embedded Postgres in {self.data} could not be stopped.\n{self._tail()}")

    def admit(self, rules: str = "") -> None:
        """From now on let in whom the rules name, which are lines of pg_hba.conf, beside the server's own user."""
        self._write("pg_hba.conf", _RULES + rules, surroundings.account())
        self.processes.signal(signal.SIGHUP)

    def _launch(self, user: Account, port: int | None) -> None:
        self.outside.make(self.data, user)
        if not (self.data / "PG_VERSION").exists():
            # A server whose folder was removed under it.
            self.processes.signal(signal.SIGKILL)
            cluster.make(self.data, self.outside.programs() / "initdb", user)
        self.processes.forget_crash()
        self._write("pg_hba.conf", _RULES, user)
        self._write("pg_ident.conf", f'owner "{surroundings.user_name()}" all\n', user)
        with (self.run / "server").open("a") as lock, (self.run / "log").open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            processes.children.append(
                subprocess.Popen(
                    self._command(user, port),
                    cwd=self.data,
                    env=cluster.ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock.fileno()],
                    start_new_session=True,
                    umask=0o077,
                    **user.switch,
                )
            )

    def _command(self, user: Account, port: int | None) -> list[str]:
        directory = "." if self.socket == self.data else f'"{self.socket}"'
        settings = {
            "listen_addresses": surroundings.HOST if port else "",
            "port": str(port or surroundings.PORT),
            "unix_socket_directories": directory,
            "unix_socket_permissions": "0700",
            "cluster_name": self.processes.title,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "scoring.folder": str(self.data),  # for whoever looks at the list of processes
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = str(self.outside.programs() / "postgres")
        return [program, "-D", surroundings.path_for(self.data, user), *options]

    def _require_ours(self, user: Account) -> None:
        if self.data.exists() and (owner := self.data.stat().st_uid) != user.uid:
            theirs, ours = surroundings.name_of(owner), surroundings.name_of(user.uid)
            raise EmbeddedError(
                f"{self.data} belongs to {theirs}, and the server would run as {ours}. "
                f"Run this as {theirs}, or remove the folder: it is made anew."
            )

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

    def _is_ready(self) -> bool:
        return (
            self.processes.pid_file()[7:8] == ["ready"]
            and self.is_alive()
            and self.processes.postmaster() is not None
        )

    def _tail(self, lines: int = 20) -> str:
        log = self.run / "log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join(text.rstrip().splitlines()[-lines:]) or "It wrote no log."
