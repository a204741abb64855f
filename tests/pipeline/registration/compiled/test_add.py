"""A version has a compiled predictor where it gives the estimator's bits; else the estimator scores, and it is said."""

import errno
import logging
import os
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from pipeline.model import content, registry
from pipeline.model.manifest import PinnedVersion, predictor
from pipeline.model.remote.remote_model import RemoteModel
from pipeline.registration.compiled import add, build, prove
from pipeline.registration.compiled.build import CompileError
from pipeline.worker.compiled.library import platform_name
from pipeline.worker.compiled.predictor import Proof
from tests.home import Home
from tests.pipeline.worker.compiled.fitted import fitted, needs_compiler, rows
from tests.pipeline.worker.formats import files

PLATFORM = platform_name()
FASTER = Proof(100_600, 0, 1.0, 0.5)
SLOWER = Proof(100_600, 0, 0.08192, 0.16384)
TIMES = "0.5 times as fast as the estimator (20.00 µs a row for 10.00)"
SLOWER_REASON = f"in batches it is {TIMES}, and only what is 5 % faster is kept"


def registered(home: Home) -> PinnedVersion:
    return home.model("flights", fitted("binary"), rows())


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_registering_compiles_proves_and_pins_it(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pinned = registered(home)
    assert pinned.manifest.predictors.keys() == {PLATFORM}
    assert (pinned.folder / predictor(PLATFORM)).read_bytes() == build.library()
    assert f"compiled predictor for {PLATFORM}: the same bits on 200,600 rows" in caplog.text
    assert registry.load(pinned).compiled


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_a_version_from_before_gets_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(build, "library", lambda: b"")
        pinned = registered(home)
    assert pinned.manifest.predictors == {}
    before = (pinned.folder / "manifest.json").read_text()
    built = add.to_registered(home.path, "flights", 1)
    assert built.content == (pinned.folder / predictor(PLATFORM)).read_bytes()
    changed = set((pinned.folder / "manifest.json").read_text().splitlines()) ^ set(before.splitlines())
    assert {line.split(":")[0].strip() for line in changed} == {'"predictors"', '"score_seconds"'}
    assert registry.load(registry.resolve(home.path, "flights", "champion")).compiled


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_a_booster_of_lightgbm_gets_one_for_numbers(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file, features = home.path / "model.txt", ["amount", "visits"]
    train = files.rows()
    kind = pytest.importorskip("lightgbm").LGBMClassifier
    estimator = kind(n_estimators=10, verbose=-1, n_jobs=1).fit(train[features], train["bought"])
    estimator.booster_.save_model(file)
    assert files.registered(home, file, features, "bought").compiled
    assert f"compiled predictor for {PLATFORM}: the same bits on 100,400 rows" in caplog.text


@needs_compiler
@pytest.mark.usefixtures("any_pace")
@pytest.mark.parametrize("suffix", ["joblib", "skops", "ubj"])
def test_a_booster_of_xgboost_gets_one_by_whatever_file_it_comes(
    suffix: str, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file, features, train = home.path / f"model.{suffix}", ["amount", "visits"], files.rows()
    estimator = pytest.importorskip("xgboost").XGBClassifier(n_estimators=10, n_jobs=1)
    trained = make_pipeline(SimpleImputer(), estimator).fit(train[features], train["bought"])
    trust = ("numpy.dtype", "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier")
    match suffix:
        case "joblib":
            joblib.dump(trained, file)
        case "skops":
            pytest.importorskip("skops.io").dump(trained, file)
        case _:
            estimator.fit(train[features], train["bought"]).save_model(file)
    assert files.registered(
        home, file, features, "bought", trusted=trust if suffix == "skops" else ()
    ).compiled
    number = (
        100_400 if suffix == "ubj" else 200_400
    )  # and as many behind an imputer, where no frame is needed
    assert f"compiled predictor for {PLATFORM}: the same bits on {number:,} rows" in caplog.text


@needs_compiler
def test_a_booster_of_categories_is_left_alone(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    file, train = home.path / "model.txt", files.rows()
    kind = pytest.importorskip("lightgbm").LGBMClassifier
    kind(n_estimators=2, verbose=-1).fit(train[files.FEATURES], train["bought"]).booster_.save_model(file)
    assert not files.registered(home, file, files.FEATURES, "bought").compiled
    assert "that can be compiled: its columns hold categories" in caplog.text


def test_a_model_of_another_kind_is_left_alone(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    frame = rows()[["a"]]
    pinned = home.model("line", LogisticRegression().fit(frame, frame["a"] > 0), frame)
    assert pinned.manifest.predictors == {}
    assert "compiled" not in caplog.text


def test_without_a_compiler_it_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "library", lambda: b"")
    assert registered(home).manifest.predictors == {}
    assert prove.NO_COMPILER in caplog.text


@needs_compiler
def test_one_bit_in_one_row_and_it_is_not_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: Proof(100_600, 1, 1.0, 0.5))
    pinned, reason = registered(home), "1 of 100,600 rows get other bits than by the estimator"
    assert (pinned.manifest.predictors, pinned.manifest.uncompiled) == ({}, {PLATFORM: reason})
    assert f"no compiled predictor for {PLATFORM}: {reason}" in caplog.text


@needs_compiler
def test_what_is_slower_than_the_estimator_is_not_kept_and_the_manifest_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: SLOWER)
    pinned = registered(home)
    assert (pinned.manifest.predictors, pinned.manifest.uncompiled) == ({}, {PLATFORM: SLOWER_REASON})
    assert not (pinned.folder / predictor(PLATFORM)).exists()
    assert content.predictors(pinned.manifest) == f"no compiled predictor for {PLATFORM}: {SLOWER_REASON}\n"
    model = registry.load(registry.resolve(home.path, "flights", "champion"))
    assert (
        model.scored_by
        == f"the estimator (the version has no compiled predictor for this machine: {SLOWER_REASON})"
    )


@needs_compiler
def test_a_slower_one_from_before_is_taken_away(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: FASTER)
    pinned = registered(home)
    assert pinned.manifest.predictors
    with monkeypatch.context() as patch:
        patch.setattr(RemoteModel, "prove", lambda *_: SLOWER)
        assert add.to_registered(home.path, "flights", 1).reason == SLOWER_REASON
    manifest = registry.resolve(home.path, "flights", "champion").manifest
    assert (manifest.predictors, manifest.uncompiled) == ({}, {PLATFORM: SLOWER_REASON})
    assert not (pinned.folder / predictor(PLATFORM)).exists()
    assert add.to_registered(home.path, "flights", 1).content
    again = registry.resolve(home.path, "flights", "champion").manifest
    assert (set(again.predictors), again.uncompiled) == ({PLATFORM}, {})


@needs_compiler
def test_one_of_another_platform_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: FASTER)
    manifest = registered(home).folder / "manifest.json"

    def meanwhile(*_: Any) -> Proof:
        before = manifest.read_text()
        manifest.write_text(before.replace('"predictors": {', '"predictors": {"linux-other": "0f", '))
        return FASTER

    monkeypatch.setattr(RemoteModel, "prove", meanwhile)
    add.to_registered(home.path, "flights", 1)
    now = registry.resolve(home.path, "flights", "champion").manifest
    assert set(now.predictors) == {PLATFORM, "linux-other"}


@needs_compiler
def test_a_disk_that_is_full_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: FASTER)
    before = content.digests(pinned := registered(home))

    def full(begun: Path, *_: Any) -> None:
        assert begun.parent != pinned.folder  # or a kill would leave it there
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        add.to_registered(home.path, "flights", 1)
    left = [path.name for path in pinned.folder.parent.glob("*.tmp")]
    assert (content.digests(pinned), left) == (before, [])


@needs_compiler
def test_the_forecast_goes_by_the_compiled_seconds_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: FASTER)
    seconds = registered(home).manifest.score_seconds
    add.to_registered(home.path, "flights", 1)
    assert registry.resolve(home.path, "flights", "champion").manifest.score_seconds == seconds


def test_a_compiler_that_fails_keeps_nobody_from_registering(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Any:
        raise CompileError("cc made no library.")

    monkeypatch.setattr(build, "library", fail)
    assert registered(home).manifest.predictors == {}
    assert "no compiled predictor: cc made no library." in caplog.text


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_what_cannot_be_used_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = registered(home)
    before = (pinned.folder / "manifest.json").read_bytes()
    monkeypatch.setattr(build, "library", lambda: b"no library")
    built = add.to_registered(home.path, "flights", 1)
    assert (built.content, built.reason) == (b"", "")
    assert "it cannot be used here: OSError" in built.note
    assert (pinned.folder / "manifest.json").read_bytes() == before
