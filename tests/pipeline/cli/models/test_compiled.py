"""pipeline/cli/models/compiled.py: a registered version gets a compiled predictor, or it is said why not."""

from pathlib import Path

import pytest

from pipeline.registration.compiled import build
from tests.home import Home
from tests.pipeline.cli.command import Command
from tests.pipeline.worker.compiled.fitted import fitted, needs_compiler, rows


@needs_compiler
def test_a_registered_version_gets_one(home: Home, run: Command) -> None:
    pinned = home.model("flights", fitted("small forest"), rows())
    (pinned.folder / "model.sig").write_text("of the files before")
    code, printed, _ = run("compile", "flights", 1)
    assert code == 0
    assert "the same bits on 200,600 rows" in printed
    assert "Its signature is of the files before: scoring sign flights 1" in printed


def test_without_a_compiler_it_fails(
    home: Home, run: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "library", lambda: b"")
    home.model("flights", fitted("small forest"), rows())
    assert run("compile", "flights", 1)[0] == 1
    assert "there is no C compiler here" in caplog.text
    assert not list(Path(home.path / "models/flights/1").glob("*.so"))
