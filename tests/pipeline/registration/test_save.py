"""A version is saved whole, under a number of its own, and never changes."""

import hashlib
import json
import multiprocessing
from pathlib import Path

from pipeline.model import registry
from pipeline.model.manifest import Manifest
from pipeline.registration.register import Registration, register
from tests.home import Home, shop_model


def test_what_it_keeps_can_be_checked_by_hand(home: Home) -> None:
    folder = home.model("shop", *shop_model(), metrics={"roc_auc": 0.9}).folder
    document = json.loads((folder / "manifest.json").read_text())
    assert document["sha256"] == hashlib.sha256((folder / "model.joblib").read_bytes()).hexdigest()
    assert (
        document["reference_sha256"]
        == hashlib.sha256((folder / "reference.parquet").read_bytes()).hexdigest()
    )
    assert document["libraries"].keys() == {"scikit-learn", "numpy", "pandas", "joblib", "pyarrow"}
    assert document["metrics"] == {"roc_auc": 0.9}
    assert document["sha256"] in (folder.parent / "versions.toml").read_text()
    assert "roc_auc: 0.9" in (folder / "MODEL_CARD.md").read_text()


def test_the_manifest_reads_back_as_it_was_written(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    assert Manifest.model_validate_json((pinned.folder / "manifest.json").read_bytes()) == pinned.manifest


def test_versions_count_up_and_never_change(home: Home) -> None:
    estimator, reference = shop_model()
    first = home.model("shop", estimator, reference)
    kept = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    second = home.model("shop", *shop_model(seed=1), alias="challenger")
    assert (first.manifest.version, second.manifest.version) == (1, 2)
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == kept
    assert registry.versions(home.path, "shop")[1] == {"champion": 1, "challenger": 2}


def test_a_version_that_was_never_pinned_is_not_overwritten(home: Home) -> None:
    left = home.path / "models" / "shop" / "1"
    left.mkdir(parents=True)
    (left / "model.joblib").write_text("of a registering that never ended")
    assert home.model("shop", *shop_model()).manifest.version == 2
    assert (left / "model.joblib").read_text() == "of a registering that never ended"


def test_a_model_registered_without_an_alias_is_named_by_none(home: Home) -> None:
    home.model("shop", *shop_model())
    home.model("shop", *shop_model(seed=1), alias=None)
    pins, aliases = registry.versions(home.path, "shop")
    assert (list(pins), aliases) == ([1, 2], {"champion": 1})


def register_again(home: Path) -> int:
    """Register the shop's model as another process does; returns its version."""
    files = home / "shop.joblib", home / "shop.parquet"
    return register(home, Registration("shop", *files, alias="champion")).manifest.version


def test_versions_that_are_registered_eight_at_once_are_all_pinned(home: Home) -> None:
    home.model("shop", *shop_model())
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    with processes.Pool(8) as pool:
        versions = pool.map(register_again, [home.path] * 24, chunksize=1)
    assert sorted(versions) == list(range(2, 26))
    pins, aliases = registry.versions(home.path, "shop")
    assert (sorted(pins), aliases) == (list(range(1, 26)), {"champion": 25, "champion_previous": 24})
    assert all(registry.resolve(home.path, "shop", "", version).sha256 == pins[version] for version in pins)
