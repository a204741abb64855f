"""The model store: one folder a version, its bytes pinned in git-reviewed text.

    models/flight_delay/versions.toml    the SHA-256 of every version, and the aliases that jobs name
    models/flight_delay/1/               model.joblib, manifest.json, reference.parquet, profile.json, MODEL_CARD.md
                                         and model.sig, where versions are signed

Files above 1 MB lie in the artefact store instead, where one is configured (`content`).

A pickle runs code when it is read. So the bytes are read once, compared with the pinned SHA-256, and with the
signature where a key is configured, and only then unpickled, from memory.
"""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from pipeline.config.fields import WORD
from pipeline.model import content, files, requirements, signature
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import CODE, REFERENCE, Manifest, PinnedVersion
from pipeline.model.remote.remote_model import RemoteModel, open_checked
from pipeline.text_files import decoded


def resolve(home: Path, name: str, alias: str, version: int | None = None) -> PinnedVersion:
    """Turn a job's alias, or an explicit version, into one pinned version. Unpickles nothing.

    Raises:
        ModelError: no such model, alias or version, or its manifest cannot be read.
    """
    if version is None:
        version = _version_of(home, name, alias)
    pinned, text = _read(home, name, version)
    # The other files are compared with it and with the pin whenever they are read.
    digests = {"manifest.json": files.sha256(text), pinned.manifest.artefact: pinned.sha256}
    files.require_signed(pinned.folder, digests)
    return pinned


def unsigned(home: Path, name: str, version: int) -> PinnedVersion:
    """A version that is to be signed: whoever signs it has looked at it.

    Raises:
        ModelError: no such model or version, or its manifest cannot be read.
    """
    return _read(home, name, version)[0]


def pin(home: Path, name: str, version: int, sha256: str) -> PinnedVersion:
    """The version that a run was pinned to when it began; its pin has to be the same today.

    Raises:
        ModelError: it is no longer registered, or is pinned to other bytes.
    """
    pinned = resolve(home, name, "", version)
    if pinned.sha256 != sha256:
        raise ModelError(
            f"model {name} version {version} is pinned to {pinned.sha256} now, and was to {sha256} when the run began. "
            "Versions never change: restore versions.toml from git."
        )
    return pinned


def pin_of(home: Path, name: str, version: int) -> str:
    """The SHA-256 to which versions.toml pins a version.

    Raises:
        ModelError: no such model or version, or its versions.toml cannot be read.
    """
    pins, _ = versions(home, name)
    if version not in pins:
        raise ModelError(
            f"model {name!r} has no version {version}: {_versions(home, name)} pins "
            f"{', '.join(map(str, pins)) or 'none'}. Register it, or name another."
        )
    return pins[version]


def versions(home: Path, name: str) -> tuple[dict[int, str], dict[str, int]]:
    """The pinned SHA-256 of every version of a model, and its aliases.

    Raises:
        ModelError: the model is not in the store, or its versions.toml cannot be read.
    """
    path = _versions(home, name)
    if not path.exists():
        models = sorted(file.parent.name for file in (home / "models").glob("*/versions.toml"))
        raise ModelError(
            f"no model {name!r} in {home / 'models'}: known are {', '.join(models) or 'none'}. "
            f"Register it: scoring register {name} model.joblib --reference reference.parquet"
        )
    files.require_no_link(path.parent)
    text = files.read_once(path)
    try:
        sections = tomllib.loads(decoded(text))
        pins = {int(number): str(digest) for number, digest in sections.get("versions", {}).items()}
        return pins, {alias: _number(alias, value) for alias, value in sections.get("aliases", {}).items()}
    except (tomllib.TOMLDecodeError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: not a list of versions and aliases: {error}. Restore it from git."
        ) from error


def _number(alias: str, value: Any) -> int:
    """The version that an alias names; Python would take 2.9 for 2, and true for 1."""
    if isinstance(value, bool | float):
        raise ValueError(f"alias {alias!r} names {value!r}, which is no version's number")
    return int(value)


def load(pinned: PinnedVersion, *, compiled: bool = True) -> RemoteModel:
    """Verify a version and load it: digest, signature, library versions, unpickling, golden rows, in this order.

    Unless `compiled` is False its compiled predictor scores, where it has one that gives the estimator's bits.

    Raises:
        ModelError: any of these does not hold. Nothing is unpickled before the first three do.
    """
    artefact = content.read(pinned, pinned.manifest.artefact)
    if signature.required():
        files.require_signed(
            pinned.folder, {**content.digests(pinned), pinned.manifest.artefact: pinned.sha256}, whole=True
        )
    python = requirements.interpreter(pinned)
    requirements.require_same_modules(pinned.manifest.modules, pinned.folder)
    predictor = content.predictor(pinned) if compiled else "it was asked for"
    model = open_checked(pinned, artefact, python, code(pinned), predictor)
    if compiled:
        model.compare_golden_rows()
    return model


def code(pinned: PinnedVersion) -> dict[str, bytes]:
    """The files of the modules that a version brings along, by their paths below code/.

    Raises:
        ModelError: one is missing or altered, or the manifest names one outside of that folder.
    """
    folder = pinned.folder / CODE
    for name in pinned.manifest.code:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ModelError(
                f"{pinned.folder / 'manifest.json'} names {name!r} among its modules, which is outside of {folder}. "
                "The model was not loaded. Restore it from git."
            )
    return {name: files.registered(folder / name, digest) for name, digest in pinned.manifest.code.items()}


def reference(pinned: PinnedVersion) -> bytes:
    """A version's reference, as it was registered: a Parquet file of training rows.

    Raises:
        ModelError: it is missing or altered.
    """
    return content.read(pinned, REFERENCE)


def _read(home: Path, name: str, version: int) -> tuple[PinnedVersion, bytes]:
    """A pinned version, and its manifest's bytes."""
    pinned_sha256 = pin_of(home, name, version)
    folder = home / "models" / name / str(version)
    files.require_no_link(folder)
    text = files.read_once(folder / "manifest.json")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(
            f"{folder / 'manifest.json'} cannot be used: {error}. Restore it from git."
        ) from error
    if (manifest.name, manifest.version) != (name, version):
        raise ModelError(
            f"{folder / 'manifest.json'} is that of model {manifest.name} version {manifest.version}. Restore it from "
            "git."
        )
    return PinnedVersion(manifest, pinned_sha256, folder), text


def _version_of(home: Path, name: str, alias: str) -> int:
    _, aliases = versions(home, name)
    if alias not in aliases:
        remedy = f"Add a line `{alias} = <version>` below [aliases]."
        if not re.fullmatch(WORD, alias):
            remedy = "An alias is a lower-case word of letters, digits and _: name one of these."
        raise ModelError(
            f"model {name!r} has no alias {alias!r}: {_versions(home, name)} knows "
            f"{', '.join(aliases) or 'none'}. {remedy}"
        )
    return aliases[alias]


def _versions(home: Path, name: str) -> Path:
    return home / "models" / name / "versions.toml"
