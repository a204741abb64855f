"""A version's compiled predictor scores; where it is altered, missing or of another platform, the estimator does."""

import logging
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.inspection.reproduce import reproduce
from pipeline.model import content, registry
from pipeline.model.artifact import ModelError
from pipeline.model.files import sha256
from pipeline.model.golden import check_golden_rows
from pipeline.model.manifest import PinnedVersion, predictor
from pipeline.model.remote import remote_model
from pipeline.model.remote.remote_model import RemoteModel
from pipeline.registration.compiled import build
from pipeline.worker.compiled.library import FUNCTION, platform_name
from tests.home import Home
from tests.pipeline.worker.compiled.fitted import fitted, needs_compiler, rows

pytestmark = [needs_compiler, pytest.mark.usefixtures("any_pace")]
PLATFORM = platform_name()


@pytest.fixture
def compiled(home: Home) -> PinnedVersion:
    """A version that has a compiled predictor."""
    return home.model("flights", fitted("multiclass"), rows())


def file(pinned: PinnedVersion) -> Path:
    return pinned.folder / predictor(PLATFORM)


def with_predictors(pinned: PinnedVersion, predictors: dict[str, str]) -> PinnedVersion:
    return replace(pinned, manifest=pinned.manifest.model_copy(update={"predictors": predictors}))


def test_it_gives_the_bits_of_the_estimator(compiled: PinnedVersion) -> None:
    ours, theirs = registry.load(compiled), registry.load(compiled, compiled=False)
    assert (ours.compiled, theirs.compiled) == (True, False)
    assert (ours.scored_by, theirs.scored_by) == (
        "the compiled predictor",
        "the estimator (it was asked for)",
    )
    score, other = ours.score(rows()), theirs.score(rows())
    assert score.classes is not None
    assert other.classes is not None
    assert score.classes.tobytes() == other.classes.tobytes()
    assert np.array_equal(np.asarray(score.label), np.asarray(other.label))


def test_an_altered_file_is_not_loaded_and_the_estimator_scores(
    compiled: PinnedVersion, caplog: pytest.LogCaptureFixture
) -> None:
    altered = bytearray(file(compiled).read_bytes())
    altered[-1] ^= 1
    file(compiled).write_bytes(altered)
    model = registry.load(compiled)
    assert not model.compiled
    assert "is not as it was registered: its SHA-256 is" in model.refusal
    assert "model flights version 1 is scored by the estimator (" in caplog.text
    assert len(model.score(rows()).score) == 600


def test_a_missing_file_or_one_of_another_platform_has_the_estimator_score(compiled: PinnedVersion) -> None:
    digest = compiled.manifest.predictors[PLATFORM]
    elsewhere = with_predictors(compiled, {"plan9-mips": digest})
    assert content.predictor(elsewhere) == (
        f"its compiled predictors are for plan9-mips, and this machine is {PLATFORM}"
    )
    file(compiled).unlink()
    assert str(content.predictor(compiled)).endswith("is missing, or no plain file. Restore it from git")
    assert not registry.load(compiled).compiled


def test_a_link_in_its_place_is_not_followed(compiled: PinnedVersion, tmp_path: Path) -> None:
    file(compiled).rename(tmp_path / "elsewhere.so")
    file(compiled).symlink_to(tmp_path / "elsewhere.so")
    assert not registry.load(compiled).compiled


def test_one_that_ends_its_process_has_the_estimator_score(
    compiled: PinnedVersion, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "crash.c").write_text(f"void {FUNCTION}(void) {{ *(volatile int *)0 = 1; }}")
    command = [*(build.compiler() or ()), "-fPIC", "-shared", "-w", "-o", str(file(compiled))]
    subprocess.run([*command, str(tmp_path / "crash.c")], check=True)
    pinned = with_predictors(compiled, {PLATFORM: sha256(file(compiled).read_bytes())})
    model = registry.load(pinned)
    assert "with it the model cannot be used: the" in model.refusal
    assert "model flights version 1 is scored by the estimator (" in caplog.text
    assert len(model.score(rows()).score) == 600


def test_golden_rows_that_it_gives_other_scores_have_the_estimator_score(
    compiled: PinnedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differ(model: RemoteModel) -> None:
        check_golden_rows(model)
        if model.compiled:
            raise ModelError("other scores")

    monkeypatch.setattr(remote_model, "check_golden_rows", differ)
    assert registry.load(compiled).refusal == "with it the model cannot be used: other scores"


def test_a_version_without_one_warns_of_nothing(
    compiled: PinnedVersion, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    model = registry.load(with_predictors(compiled, {}))
    assert model.scored_by == "the estimator (the version has no compiled predictor)"
    assert "estimator" not in caplog.text


def test_a_pinned_library_that_cannot_be_loaded_has_the_estimator_score(compiled: PinnedVersion) -> None:
    file(compiled).write_bytes(b"no library")
    digest = sha256(b"no library")
    model = registry.load(with_predictors(compiled, {PLATFORM: digest}))
    assert model.refusal.startswith("it cannot be used here: OSError")
    assert len(model.score(rows()).score) == 600


def test_a_run_says_how_many_parts_it_scored_and_is_reproduced_by_either(
    home: Home, compiled: PinnedVersion
) -> None:
    table = home.table(
        rows().astype({"kind": "str"}).where(rows().notna(), None).assign(entity_id=range(600))
    )
    run_id = home.score(home.job(f"SELECT * FROM {table}", "flights")).run_id
    [row] = home.sql(
        "SELECT value FROM scoring.run_metrics WHERE run_id = :run_id AND metric = 'compiled_parts'",
        run_id=run_id,
    )
    assert row["value"] == 15
    then = "scored then by the compiled predictor (15 of 15 parts), now by"
    for asked, scorer in ((True, "the compiled predictor"), (False, "the estimator (it was asked for)")):
        reproduction = reproduce(home.workspace, run_id, compiled=asked)
        assert reproduction.passed
        assert reproduction.equal == {"scored part": 600, "database": 600}
        assert reproduction.predictor == f"{then} {scorer}"
