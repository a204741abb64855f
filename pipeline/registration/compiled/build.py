"""trees.c becomes a shared library, by a compiler that this machine has: the same for every model."""

import importlib.util
import platform
import shutil
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
        try:
            done = subprocess.run(
                [*command, *_FLAGS, "-o", str(target), str(SOURCE)],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CompileError(f"{command[0]} cannot be run: {error}.") from error
        if done.returncode or not target.exists():
            lines = visible(" ".join(done.stderr.split())[:300]) or f"it ended with code {done.returncode}"
            raise CompileError(f"{' '.join(command)} made no library of {SOURCE.name}: {lines}.")
        return target.read_bytes()
