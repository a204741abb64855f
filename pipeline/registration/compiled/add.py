"""A version gets a compiled predictor for this machine's platform, once it has given the estimator's bits."""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import ScoringError
from pipeline.model import content, registry, requirements
from pipeline.model.files import sha256
from pipeline.model.manifest import REFERENCE, Manifest, PinnedVersion, predictor
from pipeline.model.remote.remote_model import open_model
from pipeline.registration import versions_file
from pipeline.registration.compiled import build
from pipeline.registration.reference import read_rows
from pipeline.registration.save import pretty
from pipeline.worker import estimators
from pipeline.worker.compiled import seams
from pipeline.worker.compiled.library import platform_name

# Made to hurt, for each estimator that is compiled.
HURTING_ROWS = 100_000
NO_COMPILER = "no compiled predictor: there is no C compiler here. Install cc, or the package ziglang"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """What came of compiling a predictor.

    Attributes:
        content: the shared library; empty where it may not be used.
        platform: for which it is.
        note: what was done, or why nothing, in a line for people.
        pace: the share of the estimator's processor time that it takes.
    """

    content: bytes
    platform: str
    note: str
    pace: float = 1.0


def compilable(estimator: Any) -> bool:
    """Whether a model is of a kind, or has one within it, that can be compiled."""
    return any(map(seams.compilable, estimators.parts(estimator)))


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
        the predictor, if it gives the estimator's bits for all of these rows and for 100,000 rows made to hurt; else
        why there is none, which is logged as well.
    """
    built = _built(pinned, artefact, python, code, rows)
    log.log(logging.INFO if built.content else logging.WARNING, "%s", built.note)
    return built


def _built(
    pinned: PinnedVersion, artefact: bytes, python: Path, code: Mapping[str, bytes], rows: pd.DataFrame
) -> Built:
    platform = platform_name()
    try:
        library = build.library()
        if not library:
            return Built(b"", platform, NO_COMPILER)
        model = open_model(pinned, artefact, python, code, library)
        if model.refusal:
            return Built(b"", platform, f"no compiled predictor: {model.refusal}")
        proof = model.prove(rows[[column.name for column in pinned.manifest.columns]], HURTING_ROWS)
    except (ScoringError, MemoryError) as error:
        return Built(b"", platform, f"no compiled predictor: {error}")
    if proof.differing:
        wrong = f"{proof.differing:,} of {proof.rows:,} rows get other bits than by the estimator"
        return Built(b"", platform, f"no compiled predictor: {wrong}")
    times = proof.own_seconds / proof.seconds if proof.seconds else 1.0
    note = (
        f"compiled predictor for {platform}: the same bits on {proof.rows:,} rows, {times:.1f} times as fast as the "
        "estimator"
    )
    return Built(library, platform, note, 1 / times if times else 1.0)


def to_new(
    manifest: Manifest, files: Mapping[str, bytes], own: Mapping[str, bytes], estimator: Any
) -> tuple[Manifest, dict[str, bytes]]:
    """A new version's manifest and files, with a compiled predictor where one can be used.

    Args:
        manifest: of the version, which has no number yet.
        files: its files, by name.
        own: the modules that it brings along, by path.
        estimator: the loaded model, which says whether it is of a kind that can be compiled.
    """
    if not compilable(estimator):
        return manifest, dict(files)
    pinned = PinnedVersion(manifest, manifest.sha256, Path(manifest.artefact))
    rows = read_rows(files[REFERENCE], Path(REFERENCE))
    built = build_and_prove(pinned, files[manifest.artefact], Path(sys.executable), own, rows)
    return _with(manifest, built), {**files, **_file(built)}


def to_registered(home: Path, name: str, version: int) -> Built:
    """Give a registered version a compiled predictor for this platform: its file, and one key of its manifest.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        version: the version.

    Returns:
        what came of it; nothing is written where nothing can be used.

    Raises:
        ModelError: there is no such version, or it may not be used.
    """
    pinned = registry.resolve(home, name, "", version)
    model = registry.load(pinned, compiled=False)
    del model  # its golden rows have their scores, and all else is as it was registered
    artefact, rows = (
        content.read(pinned, pinned.manifest.artefact),
        read_rows(registry.reference(pinned), pinned.folder),
    )
    built = build_and_prove(pinned, artefact, requirements.interpreter(pinned), registry.code(pinned), rows)
    if built.content:
        with versions_file.only_writer(pinned.folder.parent):
            for file, each in _file(built).items():
                versions_file.replace(pinned.folder / file, each)
            versions_file.replace(
                pinned.folder / "manifest.json", pretty(_with(pinned.manifest, built)).encode()
            )
    return built


def _with(manifest: Manifest, built: Built) -> Manifest:
    """A manifest that names a predictor; the forecast of a run goes by the seconds that it takes."""
    if not built.content:
        return manifest
    predictors = {**manifest.predictors, built.platform: sha256(built.content)}
    seconds = manifest.score_seconds * built.pace
    return manifest.model_copy(
        update={"predictors": dict(sorted(predictors.items())), "score_seconds": seconds}
    )


def _file(built: Built) -> dict[str, bytes]:
    return {predictor(built.platform): built.content} if built.content else {}
