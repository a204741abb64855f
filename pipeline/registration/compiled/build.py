"""trees.c becomes a shared library, by a compiler that this machine has: the same for every model."""

import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipeline.errors import ScoringError
from pipeline.plain_text import visible

SOURCE = Path(__file__).with_name("trees.c")
# No sum may be put in another order, and no product joined with one: bits would differ. No path is left in the file.
_FLAGS = ("-O2", "-std=gnu11", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-s", "-w")
_SECONDS = 300


class CompileError(ScoringError):
    """A compiler that is there, and makes no library."""


def compiler() -> Sequence[str] | None:
    """The command of a C compiler: `cc`, else that of the package ziglang; None where there is neither."""
    if path := shutil.which("cc"):
        return [path]
    if importlib.util.find_spec("ziglang"):
        # Its own C library, so that the file loads on older systems, too; and no choice among processors at loading.
        return [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-target",
            f"{platform.machine()}-linux-gnu",
            "-DNARROW",
        ]
    return None


@cache
def library() -> bytes:
    """The shared library for this machine's platform; empty where there is no compiler.

    Raises:
        CompileError: the compiler fails.
    """
    command = compiler()
    if command is None:
        return b""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "predictor.so"
        code, complaint = _run([*command, *_FLAGS, "-o", str(target), str(SOURCE)])
        if code or not target.exists():
            lines = visible(" ".join(complaint.split())[:300]) or f"it ended with code {code}"
            raise CompileError(f"{' '.join(command)} made no library of {SOURCE.name}: {lines}.")
        return target.read_bytes()


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run a compiler; the code that it ends with, and what it complains of. What it has started ends with it."""
    try:
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    except OSError as error:
        raise CompileError(f"{command[0]} cannot be run: {error}.") from error
    with running:
        try:
            _, complaint = running.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(running.pid, signal.SIGKILL)
            raise CompileError(
                f"{command[0]} has not ended after {_SECONDS} seconds, and was stopped."
            ) from error
        return running.returncode, complaint
