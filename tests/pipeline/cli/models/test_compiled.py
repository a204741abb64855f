"""pipeline/cli/models/compiled.py: a registered version gets a compiled predictor, or it is said why not."""

from pathlib import Path

import pytest

from pipeline.model.remote.remote_model import RemoteModel
from pipeline.registration.compiled import build
from pipeline.worker.compiled.predictor import Proof
from tests.home import Home
from tests.pipeline.cli.command import Command
from tests.pipeline.worker.compiled.fitted import fitted, needs_compiler, rows


@needs_compiler
@pytest.mark.usefixtures("any_pace")
def test_a_registered_version_gets_one(home: Home, run: Command) -> None:
    pinned = home.model("flights", fitted("small forest"), rows())
    (pinned.folder / "model.sig").write_text("of the files before")
    code, printed, _ = run("compile", "flights", 1)
    assert code == 0
    assert "the same bits on 200,600 rows" in printed
    assert "Its signature is of the files before: scoring sign flights 1" in printed


@needs_compiler
def test_what_is_slower_is_said_and_committed(
    home: Home, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.model("flights", fitted("small forest"), rows())
    monkeypatch.setattr(RemoteModel, "prove", lambda *_: Proof(100_600, 0, 1.0, 2.0))
    code, printed, _ = run("compile", "flights", 1)
    assert code == 0
    assert "in batches it is 0.5 times as fast as the estimator" in printed
    assert "Review and commit models/flights." in printed
    assert not list(Path(home.path / "models/flights/1").glob("*.so"))


def test_without_a_compiler_it_fails(
    home: Home, run: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "library", lambda: b"")
    home.model("flights", fitted("small forest"), rows())
    assert run("compile", "flights", 1)[0] == 1
    assert "there is no C compiler here" in caplog.text
    assert not list(Path(home.path / "models/flights/1").glob("*.so"))
