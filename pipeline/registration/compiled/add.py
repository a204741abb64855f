"""A version gets a compiled predictor for this machine's platform, or its manifest says why it was not kept."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ScoringError
from pipeline.model import content, registry, requirements
from pipeline.model.files import sha256
from pipeline.model.manifest import REFERENCE, Manifest, PinnedVersion, predictor
from pipeline.registration import versions_file
from pipeline.registration.compiled.prove import Built, build_and_prove
from pipeline.registration.reference import read_rows
from pipeline.registration.save import pretty
from pipeline.worker import estimators
from pipeline.worker.compiled import seams
from pipeline.worker.compiled.predictor import NOTHING

log = logging.getLogger(__name__)


def compilable(estimator: Any) -> bool:
    """Whether a model is of a kind, or has one within it, that can be compiled."""
    return any(map(seams.compilable, estimators.parts(estimator)))


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
    _log(built)
    return _with(manifest, built), {**files, **_file(built)}


def to_candidate(
    pinned: PinnedVersion, manifest: Manifest, files: Mapping[str, bytes]
) -> tuple[Manifest, dict[str, bytes]]:
    """The same of a candidate that is adopted, which only its own process loads; a failure hinders nobody.

    Args:
        pinned: the candidate.
        manifest: of the version that it becomes.
        files: its files, by name.
    """
    try:
        python, own = requirements.interpreter(pinned), registry.code(pinned)
    except ScoringError as error:
        log.warning("no compiled predictor: %s", error)
        return manifest, dict(files)
    rows = read_rows(files[REFERENCE], Path(REFERENCE))
    built = build_and_prove(pinned, files[manifest.artefact], python, own, rows)
    if NOTHING not in built.note:
        _log(built)
    return _with(manifest, built), {**files, **_file(built)}


def to_registered(home: Path, name: str, version: int) -> Built:
    """Give a registered version a compiled predictor for this platform: its file, and one key of its manifest.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        version: the version.

    Returns:
        what came of it. Where it was tried and is not kept, the manifest says why, and names none; where it could not
        be tried nothing is written.

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
    _log(built)
    if built.content or built.reason:
        path, aside = pinned.folder / predictor(built.platform), pinned.folder.parent
        with versions_file.only_writer(aside):  # a version has no other file than those that are signed
            if built.content:
                versions_file.replace(path, built.content, aside)
            # As it is now: meanwhile somebody may have compiled one for another platform.
            manifest = _with(registry.resolve(home, name, "", version).manifest, built)
            versions_file.replace(pinned.folder / "manifest.json", pretty(manifest).encode(), aside)
            if built.reason:  # no file without a digest: one from before, which the manifest named until now
                path.unlink(missing_ok=True)
    return built


def _log(built: Built) -> None:
    log.log(logging.INFO if built.content else logging.WARNING, "%s", built.note)


def _with(manifest: Manifest, built: Built) -> Manifest:
    """A manifest that names a predictor, and by whose seconds a run is forecast; or why there is none."""
    platform = built.platform
    predictors = {name: digest for name, digest in manifest.predictors.items() if name != platform}
    uncompiled = {name: reason for name, reason in manifest.uncompiled.items() if name != platform}
    seconds = manifest.score_seconds
    if built.content:
        predictors[platform] = sha256(built.content)
        if not manifest.predictors:  # else they are those of a predictor already
            seconds *= built.pace
    elif built.reason:
        uncompiled[platform] = built.reason
    return manifest.model_copy(
        update={
            "predictors": dict(sorted(predictors.items())),
            "uncompiled": dict(sorted(uncompiled.items())),
            "score_seconds": seconds,
        }
    )


def _file(built: Built) -> dict[str, bytes]:
    return {predictor(built.platform): built.content} if built.content else {}
