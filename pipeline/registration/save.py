"""A version's folder in the model store: written aside, moved into place, never changed but for its signature."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.model import content, registry, signature
from pipeline.model.artifact import ModelError
from pipeline.model.files import digests
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.registration import versions_file


def save(
    home: Path, manifest: Manifest, files: Mapping[str, bytes], card: str | None, alias: str | None
) -> PinnedVersion:
    """Save a model's files as its next version, signed where a private key is configured, and pin it.

    Large ones go to the artefact store, where one is configured.

    Args:
        home: the folder that holds models/.
        manifest: of the version; its number is given here.
        files: the version's other files, by name.
        card: the model card; else a short one is written.
        alias: an alias to point at the version.

    Raises:
        UsageError: the private key or the artefact store cannot be used.
        ModelError: versions.toml cannot be read, or is laid out so that no line can be added. Nothing was registered.
    """
    # Before anything names them: where this fails, nothing was registered.
    manifest = manifest.model_copy(update={"outside": content.put(manifest, files)})
    files = {name: each for name, each in files.items() if name not in manifest.outside}
    store = home / "models" / manifest.name
    store.mkdir(parents=True, exist_ok=True)
    with versions_file.only_writer(store):
        path = store / "versions.toml"
        pins, aliases = registry.versions(home, manifest.name) if path.exists() else ({}, {})
        taken = [*pins, *(int(folder.name) for folder in store.iterdir() if folder.name.isdigit())]
        manifest = manifest.model_copy(update={"version": max(taken, default=0) + 1})
        texts = {"manifest.json": pretty(manifest), "MODEL_CARD.md": card or _card(manifest)}
        contents = {**files, **{name: text.encode() for name, text in texts.items()}}
        # A file that takes no line refuses here: a folder that nothing pins would hold the number for good.
        pinning = versions_file.with_version(path, manifest, alias, aliases)
        folder = _write(store, manifest, contents)
        versions_file.replace(path, pinning)
    return PinnedVersion(manifest, manifest.sha256, folder)


def sign_version(home: Path, name: str, version: int, key: Path) -> Path:
    """Sign a registered version's files as they are, and unpickle nothing; returns the signature's path.

    Args:
        home: the folder that holds models/.
        name: the model's name.
        version: the version.
        key: PEM file of an EC private key.

    Raises:
        UsageError: the key cannot be used.
        ModelError: there is no such version, or its model is not the pinned one.
    """
    pinned = registry.unsigned(home, name, version)
    folder = pinned.folder
    files = content.digests(pinned)
    for file in pinned.manifest.outside:
        content.locate(pinned, file)  # what is signed has been there, and is what the manifest says
    artefact = pinned.manifest.artefact
    if files.get(artefact) != pinned.sha256:
        raise ModelError(
            f"{folder / artefact} is not the model that versions.toml pins, and was not signed. Restore it from git or "
            "your model storage."
        )
    path = folder / signature.FILE
    temporary = (
        folder.parent / f".signing-{version}"
    )  # the version has no other file than those that are signed
    temporary.write_bytes(signature.sign(files, str(version), key))
    os.replace(temporary, path)
    return path


def _write(store: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Path:
    """Write a version's folder, whole or not at all; returns it."""
    key = os.environ.get(signature.SIGN_KEY)
    outside = {name: digest for name, digest in manifest.digests.items() if name in manifest.outside}
    temporary = Path(tempfile.mkdtemp(prefix=".registering-", dir=store))
    try:
        for name, each in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(each)
        if key:
            signed = signature.sign({**outside, **digests(temporary)}, str(manifest.version), Path(key))
            (temporary / signature.FILE).write_bytes(signed)
        temporary.chmod(0o755)
        folder = store / str(manifest.version)
        os.rename(temporary, folder)  # refuses to replace a version: registered versions are immutable
    except (OSError, UsageError):
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def pretty(manifest: Manifest) -> str:
    """JSON with one line a column and a golden row: readable, and small diffs."""
    values = {**manifest.model_dump(mode="json"), "columns": [asdict(column) for column in manifest.columns]}
    lines = []
    for key, value in values.items():
        if key in ("columns", "golden_rows", "golden_scores", "background") and value:
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            lines.append(f'  "{key}": [\n    {items}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _card(manifest: Manifest) -> str:
    figures = (
        "\n".join(f"- {name}: {value:.4g}" for name, value in manifest.metrics.items()) or "- none given"
    )
    return (
        f"# {manifest.name}, version {manifest.version}\n\n"
        f"A {manifest.task} model of {len(manifest.columns)} features, registered {manifest.created_at}.\n"
        f"Trained on {manifest.training_start or 'an unknown first day'} to {manifest.training_end or 'unknown'}.\n\n"
        "## Intended use\n\nNot stated: nobody wrote a card. Register with --card FILE.\n\n"
        f"## Figures\n\n{figures}\n"
    )
