"""Ways to load the champion of a store, and to spoil its files."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib

from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion
from tests.home import Home


class Trap:
    """Unpickling it makes a file: the proof that code from data has run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


def load(home: Home) -> Model:
    """Resolve and load the champion, as a night does."""
    return registry.load(registry.resolve(home.path, "shop", "champion"))


def edit(path: Path, pattern: str, instead: str) -> None:
    """Change a text file."""
    changed, times = re.subn(pattern, instead, path.read_text())
    assert times
    path.write_text(changed)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def trap(path: Path) -> None:
    joblib.dump(Trap(path.parent / "marker"), path)


def pin(home: Home, pinned: PinnedVersion) -> None:
    """Vouch for the bytes that are there, in the manifest and in versions.toml."""
    digest = hashlib.sha256((pinned.folder / "model.joblib").read_bytes()).hexdigest()
    edit(pinned.folder / "manifest.json", pinned.sha256, digest)
    edit(home.path / "models" / "shop" / "versions.toml", pinned.sha256, digest)
