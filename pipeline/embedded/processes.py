"""The processes of one server: tell them from others, signal them, and remove the files that a crash left.

A pid file proves nothing. A process is the server's where its command line or its title says so.
"""

import hashlib
import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.embedded import surroundings

_TITLE = "scoring-"

# Children of this process, kept so that they are not reported as left behind when it ends before them.
children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Processes:
    """The processes of the server of one folder.

    Attributes:
        data: its data folder.
    """

    data: Path

    def pid_file(self) -> list[str]:
        """Lines of the pid file; none where there is none."""
        try:
            text = (self.data / "postmaster.pid").read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _pid(self) -> psutil.Process | None:
        """The process that the pid file names, whosever it is."""
        try:
            return psutil.Process(int(self.pid_file()[0]))
        except (IndexError, ValueError, OverflowError, psutil.Error):
            return None

    def postmaster(self) -> psutil.Process | None:
        """The server's first process; None where it does not live."""
        process = self._pid()
        return process if process and self._is_mine(process) else None

    def _is_mine(self, process: psutil.Process) -> bool:
        """Whether it is a process of this server, by its command line or the title that Postgres gives itself."""
        try:
            words = " ".join(process.cmdline())
            return self.title in words and process.uids().effective == surroundings.account().uid
        except psutil.Error:
            return False

    @property
    def title(self) -> str:
        """What its processes carry in their titles."""
        return _TITLE + hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:16]

    def signal(self, number: int) -> None:
        """Signal the postmaster, which tells its children; where there is none, those that it left."""
        if postmaster := self.postmaster():
            living = [postmaster]
        else:
            living = [process for process in psutil.process_iter() if self._is_mine(process)]
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def forget_crash(self) -> None:
        """Remove the pid files that a crash left, also where their pid is somebody else's by now.

        Postgres would take any process of that pid for a server. One that was started on this folder by hand is left
        for Postgres to see.
        """
        children[:] = [child for child in children if child.poll() is None]
        process = self._pid()
        with suppress(psutil.NoSuchProcess):
            if process and process.name() == "postgres" and _TITLE not in " ".join(process.cmdline()):
                return
        # The name of a socket ends with the port.
        left = [path for path in self.data.glob(".s.PGSQL.*") if not path.is_dir()]
        for path in (self.data / "postmaster.pid", *left):
            path.unlink(missing_ok=True)
