"""The code version changes with the code that decides a score, and with no other."""

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from pipeline.project import ROOT
from pipeline.runs import code_version
from pipeline.runs.code_version import DECISIVE, INDIFFERENT

# Rooms of some depth, and modules beside them.
ROOMS = sorted(
    path.stem
    for path in (ROOT / "pipeline").iterdir()
    if path.suffix in ("", ".py") and (not path.name.startswith("__") or path.stem == "__main__")
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's code, which is taken for the project."""
    copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_version, "PACKAGE", tmp_path / "pipeline")
    return tmp_path


def changes_with(project: Path, file: Path) -> bool:
    """Whether another line in a file is another code version."""
    before = code_version.code_version()
    text = file.read_text()
    file.write_text(f"{text}\n# Another line.\n")
    changed = code_version.code_version() != before
    file.write_text(text)
    return changed


def test_every_room_decides_a_score_or_does_not() -> None:
    assert sorted(DECISIVE + INDIFFERENT) == ROOMS
    assert not set(DECISIVE) & set(INDIFFERENT)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_changes_the_version_where_it_decides_a_score(project: Path, room: str) -> None:
    place = project / "pipeline" / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert {changes_with(project, file) for file in files} == {room in DECISIVE}


@pytest.mark.parametrize("change", ["rename", "remove"])
def test_a_file_that_goes_or_gets_another_name_is_another_version(project: Path, change: str) -> None:
    before, file = code_version.code_version(), project / "pipeline" / "tasks" / "predict.py"
    file.rename(file.with_name("guess.py")) if change == "rename" else file.unlink()
    assert code_version.code_version() != before


def test_a_room_within_a_room_counts(project: Path) -> None:
    before = code_version.code_version()
    deeper = project / "pipeline" / "model" / "formats"
    deeper.mkdir()
    (deeper / "boosters.py").write_text("")
    assert code_version.code_version() != before
