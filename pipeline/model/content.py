"""The large files of a version: in its folder, or in the artefact store where git has nothing but their digests.

Wherever a file comes from, it is used only where its SHA-256 is the one that reviewed text gives it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.config import workspace
from pipeline.model import files
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PROFILE, REFERENCE, Manifest, PinnedVersion
from pipeline.model.manifest import predictor as predictor_file
from pipeline.store import artefacts, cache
from pipeline.store.artefacts import Artefact
from pipeline.worker.compiled.library import platform_name

_KINDS = {REFERENCE: "reference", PROFILE: "profile"}


def read(pinned: PinnedVersion, file: str) -> bytes:
    """A file's bytes, read once and compared with their digest.

    Raises:
        ModelError: the file is missing or altered, in the version's folder or in the artefact store.
        OSError: the artefact store did not answer.
    """
    content = files.read_once(_path(pinned, file))
    _require_registered(pinned, file, files.sha256(content))
    return content


def locate(pinned: PinnedVersion, file: str) -> Path:
    """Where a file is on this machine, once its bytes have been compared with their digest.

    Raises:
        ModelError: the file is missing or altered, in the version's folder or in the artefact store.
        OSError: the artefact store did not answer.
    """
    path = _path(pinned, file)
    if path.is_relative_to(pinned.folder):
        _require_registered(pinned, file, files.sha256(files.read_once(path)))
    return path


def predictor(pinned: PinnedVersion) -> bytes | str:
    """The compiled predictor of a version for this machine; or, as a text, why there is none that may be used."""
    platform, manifest = platform_name(), pinned.manifest
    if reason := manifest.uncompiled.get(platform):
        return f"the version has no compiled predictor for this machine: {reason}"
    if not manifest.predictors:
        return "the version has no compiled predictor"
    if platform not in manifest.predictors:
        return f"its compiled predictors are for {', '.join(manifest.predictors)}, and this machine is {platform}"
    path = pinned.folder / predictor_file(platform)
    try:
        content = files.read_once(path)
    except ModelError:
        return f"{path} is missing, or no plain file. Restore it from git"
    if (digest := files.sha256(content)) != manifest.predictors[platform]:
        return f"{path} is not as it was registered: its SHA-256 is {digest}. It was not loaded. Restore it from git"
    return content


def digests(pinned: PinnedVersion) -> dict[str, str]:
    """SHA-256 of every file of a version but its signature: computed of those in its folder, pinned of those outside.

    Raises:
        ModelError: one cannot be read, or is no plain file.
    """
    manifest = pinned.manifest
    outside = {file: digest for file, digest in manifest.digests.items() if file in manifest.outside}
    return outside | files.digests(pinned.folder)


def put(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, int]:
    """Put those of a new version's files into the artefact store that are large; none where there is no such store.

    Returns:
        the size in bytes of each file that was put there.

    Raises:
        ArtefactError: the store's credentials are missing, or give no right.
        StoreError: it cannot be used.
    """
    outside: dict[str, int] = {}
    store = workspace.artefacts()
    for file, digest in manifest.digests.items():
        content = contents.get(file, b"")
        if store and len(content) > artefacts.LARGE:
            artefacts.put(store, Artefact(f"{file} of model {manifest.name}", digest, len(content)), content)
            outside[file] = len(content)
    return outside


def places(pinned: PinnedVersion) -> str:
    """Where the large files of a version are, for people: a line for each; empty where none is large."""
    manifest, lines = pinned.manifest, []
    for file in manifest.digests:
        path = pinned.folder / file
        if file in manifest.outside:
            size = manifest.outside[file] / 1e6
            lines.append(f"{file}: {size:,.1f} MB in {workspace.artefacts()}; git has its SHA-256.\n")
        elif path.stat().st_size > artefacts.LARGE:
            size = path.stat().st_size / 1e6
            lines.append(
                f"{file}: {size:,.1f} MB for git. Set {artefacts.SETTING} to keep such files outside.\n"
            )
    return "".join(lines)


def predictors(manifest: Manifest) -> str:
    """What came of compiling predictors, for people: a line for each platform; empty where none was tried."""
    kept = (f"compiled predictor for {each}: the estimator's bits\n" for each in manifest.predictors)
    left = (f"no compiled predictor for {each}: {why}\n" for each, why in manifest.uncompiled.items())
    return "".join((*kept, *left))


def lacking(pinned: PinnedVersion) -> Iterator[str]:
    """Why a version could not be loaded: each file that is not there, or not of its size. Reads none of them."""
    for file in pinned.manifest.digests:
        if not _is_outside(pinned, file):
            if not (pinned.folder / file).is_file():
                yield f"{pinned.folder / file} is missing. Restore it from git."
            continue
        artefact, store = _artefact(pinned, file), workspace.artefacts()
        if not store:
            yield str(artefacts.unset(artefact))
        elif (size := artefacts.size_of(store, artefact)) is None:
            yield str(artefacts.missing(store, artefact))
        elif size != artefact.size:
            yield str(artefacts.altered(store, artefact, f"it has {size} bytes"))


def _path(pinned: PinnedVersion, file: str) -> Path:
    """Where a file is on this machine: one from the artefact store has the bytes of its digest."""
    if not _is_outside(pinned, file):
        return pinned.folder / file
    manifest = pinned.manifest
    if file == manifest.artefact and manifest.sha256 != pinned.sha256:
        _require_registered(pinned, file, manifest.sha256)
    copies = workspace.artefacts_cache(pinned.home)
    try:
        return cache.fetch(workspace.artefacts(), copies, _artefact(pinned, file))
    except artefacts.ArtefactError as error:
        raise ModelError(str(error)) from error


def _is_outside(pinned: PinnedVersion, file: str) -> bool:
    """Whether a file is in the artefact store; one that was laid into the folder is used as it is there."""
    return file in pinned.manifest.outside and not (pinned.folder / file).exists()


def _artefact(pinned: PinnedVersion, file: str) -> Artefact:
    manifest = pinned.manifest
    return Artefact(f"{file} of model {manifest.label}", manifest.digests[file], manifest.outside[file])


def _require_registered(pinned: PinnedVersion, file: str, digest: str) -> None:
    manifest, path = pinned.manifest, pinned.folder / file
    if file == manifest.artefact:
        if digest == pinned.sha256 == manifest.sha256:
            return
        same = pinned.sha256 == manifest.sha256
        differs = "the file" if same else "versions.toml or manifest.json"
        other = "" if same else f", and the manifest has {manifest.sha256}"
        raise ModelError(
            f"{path} is not the registered model: its SHA-256 is {digest}, pinned is {pinned.sha256}{other}. It was "
            f"not loaded. Restore {differs} from git or your model storage."
        )
    if digest != manifest.digests[file]:
        raise ModelError(
            f"{path} is not the registered {_KINDS[file]}: its SHA-256 is {digest}, the manifest's is "
            f"{manifest.digests[file]}. Restore the file from git or your model storage."
        )
