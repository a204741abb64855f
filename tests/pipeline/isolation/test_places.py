"""A worker finds the modules that its task finds, and reads none of the files beside them."""

import sys
from pathlib import Path

import pytest

from pipeline.isolation import places


def test_folders_of_modules_are_named_and_only_installed_ones_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").touch()
    (tmp_path / ".env").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(places.READS, "/opt/weights")
    assert places.module_folders()[0] == str(tmp_path)
    readable = places.readable(["own", "own.steps", "no_such_module"])
    assert str(tmp_path) not in readable
    assert {str(tmp_path / "own.py"), "/opt/weights"} <= set(readable)
    assert any(path.endswith("site-packages") for path in readable)


def test_another_interpreter_gets_none_of_this_ones_libraries(tmp_path: Path) -> None:
    folders = places.module_folders(tmp_path / "bin" / "python")
    assert not [folder for folder in folders if folder.startswith((sys.prefix, sys.base_prefix))]
