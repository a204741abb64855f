"""A predictor is compiled, held against its estimator in the model's own process, and kept only if it is worth it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import ScoringError
from pipeline.model.manifest import PinnedVersion
from pipeline.model.remote.remote_model import open_model
from pipeline.registration.compiled import build
from pipeline.worker.compiled.library import platform_name
from pipeline.worker.compiled.predictor import BATCH, Proof

# Made to hurt, for each estimator that is compiled.
HURTING_ROWS = 100_000
# The share of the estimator's seconds that it may take: what is hardly faster is not worth a file.
MOST_PACE = 0.95
NO_COMPILER = "no compiled predictor: there is no C compiler here. Install cc, or the package ziglang"


@dataclass(frozen=True)
class Built:
    """What came of compiling a predictor.

    Attributes:
        platform: for which it is.
        note: what was done, or why nothing, in a line for people.
        content: the shared library; empty where it may not be used.
        pace: the share of the estimator's processor time that it takes.
        reason: why it was not kept, once it was tried; empty where it was, or could not be tried.
    """

    platform: str
    note: str
    content: bytes = b""
    pace: float = 1.0
    reason: str = ""


def build_and_prove(
    pinned: PinnedVersion, artefact: bytes, python: Path, code: Mapping[str, bytes], rows: pd.DataFrame
) -> Built:
    """Compile a predictor, and compare it with the estimator in the model's own process.

    Args:
        pinned: the version.
        artefact: its bytes, which are trusted.
        python: the interpreter of the process.
        code: files of modules that the version brings along, by path.
        rows: the reference.

    Returns:
        the predictor, if it gives the estimator's bits for all of these rows and for 100,000 rows made to hurt, and is
        faster; else why there is none.
    """
    platform = platform_name()
    try:
        library = build.library()
        if not library:
            return Built(platform, NO_COMPILER)
        model = open_model(pinned, artefact, python, code, library)
        if model.refusal:
            return Built(platform, f"no compiled predictor: {model.refusal}")
        proof = model.prove(rows[[column.name for column in pinned.manifest.columns]], HURTING_ROWS)
    except (ScoringError, MemoryError) as error:
        return Built(platform, f"no compiled predictor: {error}")
    if reason := _against(proof):
        return Built(platform, f"no compiled predictor for {platform}: {reason}", reason=reason)
    note = f"compiled predictor for {platform}: the same bits on {proof.rows:,} rows, {_times(proof)}"
    return Built(platform, note, library, proof.seconds / proof.own_seconds)


def _against(proof: Proof) -> str:
    """Why a predictor is not kept; empty where it is."""
    if proof.differing:
        return f"{proof.differing:,} of {proof.rows:,} rows get other bits than by the estimator"
    if proof.seconds >= MOST_PACE * proof.own_seconds:
        return f"in batches it is {_times(proof)}, and only what is 5 % faster is kept"
    return ""


def _times(proof: Proof) -> str:
    own, compiled = (1e6 * seconds / BATCH for seconds in (proof.own_seconds, proof.seconds))
    times = own / compiled if compiled else 1.0
    return f"{times:.1f} times as fast as the estimator ({compiled:.2f} µs a row for {own:.2f})"
