"""One library is compiled for all models, by the compiler that is there."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.registration.compiled import build
from pipeline.registration.compiled.build import CompileError
from pipeline.worker.compiled.predictor import Predictor
from tests.chaos.surroundings import poll
from tests.pipeline.worker.compiled.fitted import COLUMNS, batch, fitted, needs_compiler, path, rows


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@needs_compiler
def test_the_same_compiler_makes_the_same_bytes() -> None:
    first = build.library()
    build.library.cache_clear()
    assert build.library() == first
    assert 0 < len(first) < 100_000


@needs_compiler
def test_the_source_compiles_without_a_warning(tmp_path: Path) -> None:
    command = build.compiler()
    assert command
    for narrow in ([], ["-DNARROW"]):
        flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", *narrow]
        target = str(tmp_path / "x.so")
        subprocess.run([*command, *flags, "-o", target, str(build.SOURCE)], check=True)


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert build.compiler() is None
    assert build.library() == b""


def test_ziglang_stands_in_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert list(build.compiler() or ())[:4] == [sys.executable, "-m", "ziglang", "cc"]


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
@pytest.mark.parametrize("name", ["binary", "large trees", "random forest"])
def test_what_ziglang_makes_gives_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda asked: None if asked == "cc" else which(asked))
    opening = Predictor(fitted(name), COLUMNS, path(tmp_path), regression=False, labels=False)
    assert opening.refusal == ""
    assert opening.prove(batch(rows()), 20_000).differing == 0


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("echo no room left >&2; exit 1", r"no room left\."),
        (r"printf '\033[31mred' >&2; exit 1", r"\\u001b\[31mred\."),
        ("exit 0", r"it ended with code 0\."),
    ],
)
def test_a_compiler_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str, message: str
) -> None:
    failing = tmp_path / "cc"
    failing.write_text(f"#!/bin/sh\n{does}\n")
    failing.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(failing))
    with pytest.raises(CompileError, match=f"cc made no library of trees.c: {message}"):
        build.library()
    failing.unlink()
    with pytest.raises(CompileError, match="cannot be run"):
        build.library()


def test_a_compiler_that_hangs_is_stopped_with_all_that_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hanging, started = tmp_path / "cc", tmp_path / "started"
    hanging.write_text(f"#!/bin/sh\nsleep 3600 &\necho $! > {started}\nwait\n")
    hanging.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(hanging))
    monkeypatch.setattr(build, "_SECONDS", 5)
    with pytest.raises(CompileError, match="cc has not ended after 5 seconds, and was stopped"):
        build.library()
    child = int(started.read_text())
    poll(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
