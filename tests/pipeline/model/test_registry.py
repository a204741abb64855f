"""No code from data: a model is loaded only when its bytes, its library and its golden rows are the registered ones."""

import hashlib
import io
import os
import pickle
import re
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
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from pipeline.model import artifact, registry, requirements
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Model, ScoreError
from pipeline.model.manifest import PinnedVersion
from tests.home import Home, shop_model, shop_rows


class Trap:
    """Unpickling it makes a file: the proof that code from data has run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def pinned(home: Home) -> PinnedVersion:
    """A registered model."""
    return home.model("shop", *shop_model())


def load(home: Home) -> Model:
    """Resolve and load the champion, as a night does."""
    return registry.load(registry.resolve(home.path, "shop", "champion"))


def edit(path: Path, pattern: str, instead: str) -> None:
    """Change a text file."""
    changed, times = re.subn(pattern, instead, path.read_text())
    assert times
    path.write_text(changed)


def test_a_registered_model_scores_as_it_did(home: Home, pinned: PinnedVersion) -> None:
    estimator, reference = shop_model()
    features = reference.drop(columns="bought")
    scores = load(home).score(features)
    np.testing.assert_array_equal(scores.score, estimator.predict_proba(features)[:, 1])


def put(path: Path, content: bytes) -> None:
    """Replace a file's bytes."""
    path.write_bytes(content)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _trap(path: Path) -> None:
    joblib.dump(Trap(path.parent / "marker"), path)


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
        _flip,
        "is not the registered model: its SHA-256 is [0-9a-f]{64}, pinned is [0-9a-f]{64}. It was not loaded",
    ),
    (_trap, "is not the registered model"),
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


def test_a_reference_is_given_as_it_was_registered_or_not_at_all(home: Home, pinned: PinnedVersion) -> None:
    path = pinned.folder / "reference.parquet"
    assert registry.reference(pinned) == path.read_bytes()
    _flip(path)
    with pytest.raises(
        ModelError, match="is not the registered reference: its SHA-256 is .*Restore the file from git"
    ):
        registry.reference(pinned)


def test_the_trap_is_real(tmp_path: Path) -> None:
    joblib.load(io.BytesIO(pickle.dumps(Trap(tmp_path / "marker"))))
    assert (tmp_path / "marker").exists()


def test_bytes_that_only_the_manifest_vouches_for_are_refused(home: Home, pinned: PinnedVersion) -> None:
    _trap(pinned.folder / "model.joblib")
    digest = hashlib.sha256((pinned.folder / "model.joblib").read_bytes()).hexdigest()
    edit(pinned.folder / "manifest.json", pinned.sha256, digest)
    with pytest.raises(ModelError, match="is not the registered model"):
        load(home)
    assert not (pinned.folder / "marker").exists()


def test_a_model_swapped_after_it_was_resolved_is_refused(home: Home, pinned: PinnedVersion) -> None:
    resolved = registry.resolve(home.path, "shop", "champion")
    _trap(pinned.folder / "model.joblib")
    with pytest.raises(ModelError, match="is not the registered model"):
        registry.load(resolved)
    assert not (pinned.folder / "marker").exists()


def _pin(home: Home, pinned: PinnedVersion) -> None:
    """Vouch for the bytes that are there, in the manifest and in versions.toml."""
    digest = hashlib.sha256((pinned.folder / "model.joblib").read_bytes()).hexdigest()
    edit(pinned.folder / "manifest.json", pinned.sha256, digest)
    edit(home.path / "models" / "shop" / "versions.toml", pinned.sha256, digest)


def test_bytes_that_only_the_pin_vouches_for_are_refused(home: Home, pinned: PinnedVersion) -> None:
    _trap(pinned.folder / "model.joblib")
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


@pytest.mark.parametrize("library", ['"scikit-learn": "0.24.0"', '"scikit-learm": "1.9.1"'])
def test_a_model_of_another_scikit_learn_is_refused_before_it_is_unpickled(
    home: Home, pinned: PinnedVersion, library: str
) -> None:
    _trap(pinned.folder / "model.joblib")
    _pin(home, pinned)
    edit(pinned.folder / "manifest.json", r'"scikit-learn": "[^"]*"', library)
    complaint = r"made with scikit-learn (0.24.0|None), and .* is installed. It was not loaded. Install scikit-learn=="
    with pytest.raises(ModelError, match=complaint):
        load(home)
    assert not (pinned.folder / "marker").exists()


def test_only_bytes_that_everything_vouches_for_are_unpickled(home: Home, pinned: PinnedVersion) -> None:
    # The counterpart of the refusals above: the same trap springs once nothing refuses it.
    _trap(pinned.folder / "model.joblib")
    _pin(home, pinned)
    with pytest.raises(ModelError, match="cannot score its golden rows: AttributeError"):
        load(home)
    assert (pinned.folder / "marker").exists()


def test_looking_a_version_up_unpickles_nothing(home: Home, pinned: PinnedVersion) -> None:
    _trap(pinned.folder / "model.joblib")
    _pin(home, pinned)
    assert registry.resolve(home.path, "shop", "champion").manifest.version == 1
    assert not (pinned.folder / "marker").exists()


def test_a_pickle_that_says_another_scikit_learn_is_refused() -> None:
    estimator, _ = shop_model()
    content = pickle.dumps(estimator)
    installed = requirements.library_versions()["scikit-learn"].encode()
    other = content.replace(installed, b"0" * len(installed))
    assert other != content
    with pytest.raises(ModelError, match="InconsistentVersionWarning"):
        artifact.unpickle(other, "model.joblib")


def test_golden_rows_that_score_otherwise_are_refused(home: Home, pinned: PinnedVersion) -> None:
    edit(pinned.folder / "manifest.json", r'"visits": \d+', '"visits": 1')
    with pytest.raises(ModelError, match="does not score its golden rows as it did when it was registered"):
        load(home)


@pytest.mark.parametrize(
    ("pattern", "instead", "complaint"),
    [
        (r'"visits": \d+', '"visit": 1', "cannot score its golden rows: KeyError: 'visits'"),
        (r'"channel": "\w+"', '"channel": 3', "cannot score its golden rows: ArrowTypeError"),
        (
            r'"golden_scores": \[\n *[\d.e-]+',
            '"golden_scores": [',
            "does not score its golden rows as it did",
        ),
    ],
)
def test_golden_rows_that_cannot_be_scored_are_refused(
    home: Home, pinned: PinnedVersion, pattern: str, instead: str, complaint: str
) -> None:
    edit(pinned.folder / "manifest.json", pattern, instead)
    path = pinned.folder / "manifest.json"
    path.write_text(path.read_text().replace("[,", "["))
    with pytest.raises(ModelError, match=complaint):
        load(home)


@pytest.mark.parametrize(
    ("name", "alias", "version", "complaint"),
    [
        (
            "shop",
            "canary",
            None,
            "has no alias 'canary': .*versions.toml knows champion. Add a line `canary = <version>`",
        ),
        ("shop", "champion", 7, "has no version 7: .*versions.toml pins 1. Register it"),
        (
            "stop",
            "champion",
            None,
            "no model 'stop' in .*: known are shop. Register it: python -m pipeline register stop",
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
        ("versions.toml", "", "has no alias 'champion': .*versions.toml knows none"),
        (
            "versions.toml",
            "[aliases]\nchampion = 1",
            "has no version 1: .*versions.toml pins none. Register it",
        ),
        ("1/manifest.json", b"\xff\xfe", "manifest.json cannot be used"),
        ("1/manifest.json", None, "manifest.json cannot be used: .*No such file.*Restore it from git"),
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


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier that gives what it is told."""

    def __init__(self, given: Any = None) -> None:
        self.given = given
        self.classes_ = np.array([False, True])

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """What it was told, whatever the frame."""
        return np.asarray(self.given(len(frame)))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (lambda rows: np.full((rows, 2), np.nan), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), np.inf), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), -0.5), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 2), 1.5), "100 rows got no usable score"),
        (lambda rows: np.full((rows, 3), 0.3), r"scores of shape \(100, 3\), expected \(100, 2\)"),
        (lambda rows: np.full((rows - 1, 2), 0.5), r"scores of shape \(99, 2\), expected \(100, 2\)"),
        (lambda rows: np.full(rows, 0.5), r"scores of shape \(100,\), expected \(100, 2\)"),
    ],
)
def test_scores_that_are_none_are_refused(
    pinned: PinnedVersion, given: Callable[[int], Any], complaint: str
) -> None:
    odd = Model(pinned.manifest, Odd(given))
    with pytest.raises(ModelError, match=complaint):
        odd.score(shop_rows(100))


def test_a_manifest_with_a_key_that_nobody_knows_is_refused(home: Home, pinned: PinnedVersion) -> None:
    edit(pinned.folder / "manifest.json", '"task"', '"colour": "red",\n  "task"')
    with pytest.raises(ModelError, match="(?s)manifest.json cannot be used.*colour"):
        registry.resolve(home.path, "shop", "champion")


class Line(RegressorMixin, BaseEstimator):
    """A regressor that gives what it is told."""

    def __init__(self, given: Any = None) -> None:
        self.given = given

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """What it was told, whatever the frame."""
        return np.asarray(self.given(len(frame)))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (lambda rows: np.full(rows, np.nan), "5 rows got no usable score, for example .nan"),
        (lambda rows: np.full(rows, -np.inf), "5 rows got no usable score"),
        (lambda rows: np.full((rows, 2), 0.5), r"scores of shape \(5, 2\), expected \(5,\)"),
        (lambda rows: np.full(rows + 1, 0.5), r"scores of shape \(6,\), expected \(5,\)"),
    ],
)
def test_values_that_are_none_are_refused(
    pinned: PinnedVersion, given: Callable[[int], Any], complaint: str
) -> None:
    regression = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    with pytest.raises(ModelError, match=complaint):
        Model(regression, Line(given)).score(shop_rows(5))


def test_a_regression_gives_its_values_as_they_are(pinned: PinnedVersion) -> None:
    regression = pinned.manifest.model_copy(update={"task": "regression", "classes": ()})
    scores = Model(regression, Line(lambda _: [-3, 0.1, 1e300])).score(shop_rows(3))
    assert scores.score.tolist() == [-3.0, 0.1, 1e300]
    assert (scores.label, scores.classes) == (None, None)


def test_several_classes_give_the_likeliest_with_its_probability(pinned: PinnedVersion) -> None:
    three = pinned.manifest.model_copy(update={"task": "multiclass", "classes": ("a", "b", "c")})
    given = [[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.0, 1.0, 0.0]]
    scores = Model(three, Odd(lambda _: given)).score(shop_rows(3))
    assert scores.score.tolist() == [0.7, 0.5, 1.0]
    assert scores.label is not None
    assert scores.label.tolist() == [2, 0, 1]
    assert scores.classes is not None
    assert scores.classes.tolist() == given


def test_the_rows_without_a_score_are_told(pinned: PinnedVersion) -> None:
    def given(rows: int) -> npt.NDArray[np.float64]:
        scores = np.full((rows, 2), 0.5)
        scores[[3, 70]] = np.nan
        return scores

    with pytest.raises(ScoreError, match="2 rows got no usable score") as error:
        Model(pinned.manifest, Odd(given)).score(shop_rows(100))
    assert error.value.rows.tolist() == [3, 70]


@pytest.mark.parametrize("threshold", [0.0, 0.9, 1.0])
def test_the_threshold_decides_the_label(home: Home, threshold: float) -> None:
    estimator, reference = shop_model()
    home.model("shop", estimator, reference, threshold=threshold)
    scores = load(home).score(reference.drop(columns="bought"))
    assert scores.label is not None
    np.testing.assert_array_equal(scores.label, (scores.score >= threshold).astype(int))
