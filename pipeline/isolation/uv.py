"""uv, which resolves requirements to a lock with hashes and makes environments from it: a program, and no library."""

import importlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import ScoringError

SETTING = "SCORING_UV"
# What uv and its downloads may know of a task's environment.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PREFIXES = ("UV_", "SSL_CERT_", "XDG_")
_MOST_TEXT = 1500


class UvError(ScoringError):
    """uv is not there, or could not do what it was asked for."""


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Uv's program: `SCORING_UV`, else the one on PATH, else that of the distribution uv; None where there is none.

    An empty `SCORING_UV` means that none is to be used.
    """
    if (named := environ.get(SETTING)) is not None:
        return Path(named) if named else None
    if program := shutil.which("uv", path=environ.get("PATH")):
        return Path(program)
    try:
        return Path(importlib.import_module("uv").find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None


def run(*arguments: str, text: str = "") -> str:
    """Run uv, and return what it prints.

    Args:
        arguments: of the command.
        text: for its standard input.

    Raises:
        UvError: it is not there, or fails.
    """
    program = find()
    if program is None:
        raise UvError(
            f"uv is not there. Put it on PATH (https://docs.astral.sh/uv/), install it (pip install uv), or name it in "
            f"{SETTING}."
        )
    environ = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _KEPT or name.startswith(_PREFIXES)
    }
    try:
        ended = subprocess.run(
            [str(program), *arguments], input=text, env=environ, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UvError(f"{program} cannot be started: {error.strerror}. Name uv in {SETTING}.") from error
    if ended.returncode:
        reason = " ".join(ended.stderr.split())[-_MOST_TEXT:]
        raise UvError(f"uv {' '.join(arguments[:2])} failed: {reason}")
    return ended.stdout
