"""A manifest holds its own keys and no others."""

import pytest

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest, PinnedVersion
from tests.home import Home
from tests.pipeline.model.spoiling import edit


def test_a_manifest_reads_back_as_it_was_written(pinned: PinnedVersion) -> None:
    assert Manifest.model_validate_json((pinned.folder / "manifest.json").read_bytes()) == pinned.manifest


def test_a_manifest_gives_the_models_label_and_contract(pinned: PinnedVersion) -> None:
    assert pinned.manifest.label == "shop version 1"
    assert [column.name for column in pinned.manifest.contract.columns] == [
        "amount",
        "visits",
        "channel",
        "member",
    ]


def test_a_manifest_with_a_key_that_nobody_knows_is_refused(home: Home, pinned: PinnedVersion) -> None:
    edit(pinned.folder / "manifest.json", '"task"', '"colour": "red",\n  "task"')
    with pytest.raises(ModelError, match="(?s)manifest.json cannot be used.*colour"):
        registry.resolve(home.path, "shop", "champion")
