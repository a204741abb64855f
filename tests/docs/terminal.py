"""A terminal in a checkout: what a page has typed is run, in this process where that spares a start."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pipeline.__main__ import main
from tests.docs.pages import ROOT

# What only a shell makes of a line.
_SHELL = re.compile(r"[|&;<>$*?~`()\n\\]")
_SCORING = (["scoring"], ["python", "-m", "pipeline"])
# Seconds, of which a busy machine takes most for starting a process.
_DEADLINE = 500


@dataclass
class Terminal:
    """A shell in a folder.

    Attributes:
        folder: where it is.
        environ: its variables.
    """

    folder: Path
    environ: dict[str, str]

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; returns its exit code, and all that it printed."""
        steps = [_of_scoring(step) for step in command.split(" && ")]
        if None in steps:
            return self._shell(command)
        code, output = 0, ""
        for arguments in filter(None, steps):
            code, printed = self._scoring(arguments)
            output += printed
            if code:
                break
        return code, output

    def _scoring(self, arguments: list[str]) -> tuple[int, str]:
        printed = io.StringIO()
        code: object = None
        with (
            mock.patch.dict(os.environ, self.environ, clear=True),
            mock.patch.object(sys, "argv", ["scoring", *arguments]),
            mock.patch.object(
                sys.modules["__main__"], "__package__", None
            ),  # else its name is `python -m pytest`
            _working_in(self.folder),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code
        return (code if isinstance(code, int) else int(bool(code))), printed.getvalue()

    def _shell(self, command: str) -> tuple[int, str]:
        """Run it in bash; the next command is typed where this one has gone, with what it has exported."""
        read, write = os.pipe()
        script = f"{command}\ncode=$?\n{{ pwd; env -0; }} >&{write}\nexit $code"
        with os.fdopen(read, "rb") as after:
            try:
                ended = subprocess.run(
                    ["bash", "-c", script], cwd=self.folder, env=self.environ, pass_fds=[write],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, errors="replace", timeout=_DEADLINE, check=False,
                )  # fmt: skip
            finally:
                os.close(write)
            folder, _, variables = after.read().decode(errors="replace").partition("\n")
        if folder:
            self.folder = Path(folder)
            self.environ = dict(one.split("=", 1) for one in variables.split("\0") if "=" in one)
        return ended.returncode, ended.stdout


def programs(folder: Path) -> Path:
    """A folder with the program `scoring`, as the console script of an installed package is."""
    folder.mkdir()
    script = folder / "scoring"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pipeline "$@"\n')
    script.chmod(0o755)
    return folder


def environment(*programs: Path, **variables: str) -> dict[str, str]:
    """The variables of a terminal whose reader has activated .venv, and nothing of the tests' own."""
    bare = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    path = ":".join([*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**bare, "PATH": path, "PYTHONPATH": str(ROOT), **variables}


def _of_scoring(command: str) -> list[str] | None:
    """The arguments of a command of ours; None for what needs a shell."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return None
    bare = re.sub(r"'[^']*'|\"[^\"$`]*\"", "", command)
    if _SHELL.search(bare):
        return None
    return next((words[len(start) :] for start in _SCORING if words[: len(start)] == start), None)


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    with contextlib.chdir(folder):
        yield
