"""No code from data: a model is loaded only when its bytes, its library and its golden rows are the registered ones."""

import hashlib
import io
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import joblib
import numpy as np
import pytest

from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import PinnedVersion
from tests.home import Home, shop_model
from tests.pipeline.model.spoiling import Trap, edit, flip, load, pin, trap


def test_a_registered_model_scores_as_it_did(home: Home, pinned: PinnedVersion) -> None:
    estimator, reference = shop_model()
    features = reference.drop(columns="bought")
    scores = load(home).score(features)
    np.testing.assert_array_equal(scores.score, estimator.predict_proba(features)[:, 1])


def put(path: Path, content: bytes) -> None:
    """Replace a file's bytes."""
    path.write_bytes(content)


def _compressed_trap(path: Path) -> None:
    joblib.dump(Trap(path.parent / "marker"), path, compress=9)


def _link(path: Path) -> None:
    other = path.parent / "other.joblib"
    shutil.move(path, other)
    path.symlink_to(other)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HOSTILE: list[tuple[Callable[[Path], None], str]] = [
    (
        flip,
        "is not the registered model: its SHA-256 is [0-9a-f]{64}, pinned is [0-9a-f]{64}. It was not loaded",
    ),
    (trap, "is not the registered model"),
    (_compressed_trap, "is not the registered model"),
    (lambda path: put(path, path.read_bytes()[:-1]), "is not the registered model"),
    (lambda path: put(path, b""), "is not the registered model"),
    (lambda path: put(path, path.read_bytes() + b"x"), "is not the registered model"),
    (_link, "cannot be read: .*A model is a plain file, never a link"),
    (lambda path: path.unlink(), "cannot be read: No such file"),
    (_folder, "cannot be read: Is a directory"),
]


@pytest.mark.parametrize(("attack", "complaint"), HOSTILE)
def test_other_bytes_are_refused_before_they_are_unpickled(
    home: Home, pinned: PinnedVersion, attack: Callable[[Path], None], complaint: str
) -> None:
    attack(pinned.folder / "model.joblib")
    with pytest.raises(ModelError, match=complaint):
        load(home)
    assert not (pinned.folder / "marker").exists()


class Call:
    """Unpickling it calls something."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.called


def hostile(marker: Path) -> Iterator[bytes]:
    """Artefacts that make a file when they are unpickled: ways of calling, protocols, compressions, disguises."""
    code = f"import os; os.mkdir({str(marker)!r})"
    calls = [
        Call(os.mkdir, str(marker)),
        Call(os.makedirs, str(marker)),
        Call(os.system, f"mkdir {marker}"),
        Call(exec, code),
        Call(eval, f"__import__('os').mkdir({str(marker)!r})"),
        Call(subprocess.check_call, ["mkdir", str(marker)]),
        Call(shutil.copytree, str(marker.parent / "a"), str(marker)),
        Call(os.symlink, str(marker.parent), str(marker)),
    ]
    estimator, _ = shop_model()
    for call in calls:
        for hidden in (call, [estimator, call], {"model": estimator, "steps": (call,)}):
            yield from (pickle.dumps(hidden, protocol) for protocol in (0, 2, 5))
        for compress in (("zlib", 9), ("gzip", 1), ("bz2", 1), ("lzma", 1), ("xz", 1)):
            packed = io.BytesIO()
            joblib.dump(call, packed, compress=compress)
            yield packed.getvalue()


def test_no_hostile_artefact_is_executed(home: Home, pinned: PinnedVersion, tmp_path: Path) -> None:
    path, marker = pinned.folder / "model.joblib", tmp_path / "sprung" / "marker"
    (marker.parent / "a").mkdir(parents=True)
    good, tried = path.read_bytes(), 0
    for content in hostile(marker):
        for spoilt in (content, content + good, good + content, good[: len(good) // 2] + content):
            path.write_bytes(spoilt)
            with pytest.raises(ModelError, match="is not the registered model: .* It was not loaded"):
                load(home)
            assert not marker.exists()
        joblib.load(io.BytesIO(content))  # and it is hostile indeed
        assert marker.exists()
        marker.unlink() if marker.is_symlink() else marker.rmdir()
        tried += 1
    assert tried >= 100


def test_no_model_swapped_while_it_is_loaded_is_executed(home: Home, pinned: PinnedVersion) -> None:
    path, marker = pinned.folder / "model.joblib", pinned.folder / "marker"
    good, trap, aside = path.read_bytes(), pickle.dumps(Trap(marker)), pinned.folder / "aside"
    resolved, done = registry.resolve(home.path, "shop", "champion"), Event()

    def swap() -> None:
        while not done.is_set():
            for content in (trap, good, trap[:-3] + good, good):
                aside.write_bytes(content)
                os.replace(aside, path)  # in one piece
            path.write_bytes(trap)  # byte after byte
            path.write_bytes(good)

    ends = {"loaded": 0, "refused": 0}
    with ThreadPoolExecutor(1) as thread:
        swapping = thread.submit(swap)
        deadline = monotonic() + 120
        while min(ends.values()) < 25 and monotonic() < deadline:
            try:
                registry.load(resolved)
                ends["loaded"] += 1
            except ModelError:
                ends["refused"] += 1
        done.set()
        swapping.result()
    # Both ends were met many times: the file did change between and during the loads.
    assert min(ends.values()) >= 25, ends
    assert not marker.exists()


def test_a_reference_is_given_as_it_was_registered_or_not_at_all(home: Home, pinned: PinnedVersion) -> None:
    path = pinned.folder / "reference.parquet"
    assert registry.reference(pinned) == path.read_bytes()
    flip(path)
    with pytest.raises(
        ModelError, match="is not the registered reference: its SHA-256 is .*Restore the file from git"
    ):
        registry.reference(pinned)


def test_the_trap_is_real(tmp_path: Path) -> None:
    joblib.load(io.BytesIO(pickle.dumps(Trap(tmp_path / "marker"))))
    assert (tmp_path / "marker").exists()


def test_bytes_that_only_the_manifest_vouches_for_are_refused(home: Home, pinned: PinnedVersion) -> None:
    trap(pinned.folder / "model.joblib")
    digest = hashlib.sha256((pinned.folder / "model.joblib").read_bytes()).hexdigest()
    edit(pinned.folder / "manifest.json", pinned.sha256, digest)
    with pytest.raises(ModelError, match="is not the registered model"):
        load(home)
    assert not (pinned.folder / "marker").exists()


def test_a_model_swapped_after_it_was_resolved_is_refused(home: Home, pinned: PinnedVersion) -> None:
    resolved = registry.resolve(home.path, "shop", "champion")
    trap(pinned.folder / "model.joblib")
    with pytest.raises(ModelError, match="is not the registered model"):
        registry.load(resolved)
    assert not (pinned.folder / "marker").exists()


def test_bytes_that_only_the_pin_vouches_for_are_refused(home: Home, pinned: PinnedVersion) -> None:
    trap(pinned.folder / "model.joblib")
    digest = hashlib.sha256((pinned.folder / "model.joblib").read_bytes()).hexdigest()
    edit(home.path / "models" / "shop" / "versions.toml", pinned.sha256, digest)
    with pytest.raises(ModelError, match="is not the registered model"):
        load(home)
    assert not (pinned.folder / "marker").exists()


@pytest.mark.parametrize("pin", ["0" * 64, "", "sha256"])
def test_a_pin_that_was_changed_refuses_the_model(home: Home, pinned: PinnedVersion, pin: str) -> None:
    edit(home.path / "models" / "shop" / "versions.toml", pinned.sha256, pin)
    with pytest.raises(
        ModelError,
        match=f"is not the registered model: .* pinned is {pin}, and the manifest has {pinned.sha256}. It was not "
        "loaded. Restore versions.toml or manifest.json",
    ):
        load(home)


def test_only_bytes_that_everything_vouches_for_are_unpickled(home: Home, pinned: PinnedVersion) -> None:
    # The counterpart of the refusals above: the same trap springs once nothing refuses it.
    trap(pinned.folder / "model.joblib")
    pin(home, pinned)
    # Its own process is as far as it gets, where that may write to its own folder alone.
    with pytest.raises(
        ModelError, match="cannot score its golden rows: AttributeError|PermissionError.*marker"
    ):
        load(home)


def test_looking_a_version_up_unpickles_nothing(home: Home, pinned: PinnedVersion) -> None:
    trap(pinned.folder / "model.joblib")
    pin(home, pinned)
    assert registry.resolve(home.path, "shop", "champion").manifest.version == 1
    assert not (pinned.folder / "marker").exists()


@pytest.mark.parametrize(
    ("name", "alias", "version", "complaint"),
    [
        (
            "shop",
            "canary",
            None,
            "has no alias 'canary': .*versions.toml knows champion. Add a line `canary = <version>`",
        ),
        ("shop", "a b", None, "has no alias 'a b': .* knows champion. An alias is a lower-case word"),
        ("shop", "champion", 7, "has no version 7: .*versions.toml pins 1. Register it"),
        (
            "stop",
            "champion",
            None,
            "no model 'stop' in .*: known are shop. Register it: scoring register stop",
        ),
    ],
)
def test_what_is_not_registered_is_named_with_what_is(
    home: Home, pinned: PinnedVersion, name: str, alias: str, version: int | None, complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        registry.resolve(home.path, name, alias, version)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("versions.toml", "[versions", "not a list of versions and aliases.*Restore it from git"),
        ("versions.toml", "versions = 3", "not a list of versions and aliases"),
        ("versions.toml", "[versions]\nnewest = 'x'", "not a list of versions and aliases"),
        ("1/manifest.json", "{}", "manifest.json cannot be used.*Restore it from git"),
        ("1/manifest.json", "not json", "manifest.json cannot be used"),
        ("versions.toml", b"\xff\xfe", "not a list of versions and aliases"),
        ("versions.toml", "[aliases]\nchampion = 'newest'", "not a list of versions and aliases"),
        (
            "versions.toml",
            "[aliases]\nchampion = 1.9",
            "alias 'champion' names 1.9, which is no version's number",
        ),
        (
            "versions.toml",
            "[aliases]\nchampion = true",
            "alias 'champion' names True, which is no version's number",
        ),
        ("versions.toml", "", "has no alias 'champion': .*versions.toml knows none"),
        (
            "versions.toml",
            "[aliases]\nchampion = 1",
            "has no version 1: .*versions.toml pins none. Register it",
        ),
        ("1/manifest.json", b"\xff\xfe", "manifest.json cannot be used"),
        ("1/manifest.json", None, "manifest.json cannot be read: No such file.*restore it from git.$"),
        ("versions.toml", None, "no model 'shop' in .*: known are none. Register it"),
    ],
)
def test_a_broken_store_is_named(
    home: Home, pinned: PinnedVersion, file: str, content: str | bytes | None, complaint: str
) -> None:
    path = home.path / "models" / "shop" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ModelError, match=f"(?s){complaint}"):
        registry.resolve(home.path, "shop", "champion")


def test_a_byte_order_mark_before_the_pins_is_read_over(home: Home, pinned: PinnedVersion) -> None:
    path = home.path / "models" / "shop" / "versions.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert registry.resolve(home.path, "shop", "champion") == pinned
