"""Which libraries a candidate is trained with: the champion's, so that it runs wherever the champion does."""

import sys
from pathlib import Path

from pipeline.model import files, requirements
from pipeline.model.manifest import LOCK, Manifest, PinnedVersion
from pipeline.registration.surroundings import PYTHON
from pipeline.retraining.team_code import RetrainingError


def interpreter(champion: PinnedVersion | None) -> Path:
    """The interpreter that trains: this one, or that of the champion's environment where it has other libraries.

    A champion without a lock runs nowhere once other libraries are installed: what takes its place is trained by them.

    Raises:
        RetrainingError: the champion's environment is of another Python.
        ModelError: its lock is another than was registered.
        BuildError: its environment cannot be made.
    """
    if champion is None or champion.manifest.lock_sha256 is None:
        return Path(sys.executable)
    python = requirements.interpreter(champion)
    if python != Path(sys.executable) and champion.manifest.python != PYTHON:
        raise RetrainingError(
            f"{champion.manifest.label} runs in an environment of Python {champion.manifest.python}, and this is "
            f"Python {PYTHON}, whose libraries a training needs beside it. Train with that Python, or register a "
            "version that was trained with this one."
        )
    return python


def lock_of(champion: PinnedVersion | None, candidate: Manifest) -> bytes | None:
    """The champion's lock, where the candidate has the very same environment.

    Raises:
        ModelError: it is another than was registered.
    """
    if champion is None or champion.manifest.lock_sha256 is None:
        return None
    if champion.manifest.environment != candidate.environment:
        return None
    return files.registered(champion.folder / LOCK, champion.manifest.lock_sha256)
