"""The files of a version are plain files, read once."""

import os

import pytest

from pipeline.model import files, registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from tests.home import Home
from tests.pipeline.model.spoiling import load


def test_every_file_of_a_version_has_its_digest(pinned: PinnedVersion) -> None:
    digests = files.digests(pinned.folder)
    assert sorted(digests) == [
        "MODEL_CARD.md",
        "manifest.json",
        "model.joblib",
        "profile.json",
        "reference.parquet",
    ]
    assert (
        digests["model.joblib"]
        == pinned.sha256
        == files.sha256((pinned.folder / "model.joblib").read_bytes())
    )


@pytest.mark.parametrize(
    "file", ["1/model.joblib", "1/manifest.json", "versions.toml", "1/reference.parquet"]
)
@pytest.mark.parametrize("kind", ["a link", "a pipe", "a device"])
def test_what_is_no_plain_file_is_refused_and_not_waited_for(
    home: Home, pinned: PinnedVersion, file: str, kind: str
) -> None:
    path = home.path / "models" / "shop" / file
    moved = path.rename(path.with_suffix(".moved"))
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(moved if kind == "a link" else "/dev/zero")
    with pytest.raises(ModelError, match="cannot be read: .*A model is a plain file, never a link"):
        registry.reference(pinned) if "reference" in file else load(home)


@pytest.mark.parametrize("folder", ["shop", "shop/1"])
def test_a_models_folder_that_is_a_link_is_refused(home: Home, pinned: PinnedVersion, folder: str) -> None:
    path = home.path / "models" / folder
    path.symlink_to(path.rename(home.path / "elsewhere"))
    with pytest.raises(ModelError, match=f"models/{folder} is a link. A model is a plain folder"):
        load(home)


def test_models_may_lie_behind_a_link_all_together(home: Home, pinned: PinnedVersion) -> None:
    # As a mounted volume does.
    (home.path / "models").rename(home.path / "elsewhere")
    (home.path / "models").symlink_to(home.path / "elsewhere")
    assert load(home).manifest == pinned.manifest
