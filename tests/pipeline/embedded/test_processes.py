"""pipeline/embedded/processes.py: a pid file proves nothing; what a crash left goes."""

import os
from pathlib import Path

import pytest

from pipeline.embedded import surroundings
from pipeline.embedded.processes import Processes


@pytest.mark.parametrize(
    "text",
    ["", "no number\n", f"{10**30}\n", f"{os.getpid()}\n", "-1\n"],
    ids=["empty", "text", "huge", "ours", "-1"],
)
def test_a_pid_file_of_no_server_names_no_postmaster(tmp_path: Path, text: str) -> None:
    (tmp_path / "postmaster.pid").write_text(text)
    assert Processes(tmp_path).postmaster() is None


def test_without_a_pid_file_there_are_no_lines(tmp_path: Path) -> None:
    assert Processes(tmp_path).pid_file() == []


def test_the_files_of_a_crash_are_removed_and_nothing_else(tmp_path: Path) -> None:
    left = ["postmaster.pid", surroundings.SOCKET, f"{surroundings.SOCKET}.lock"]
    for name in (*left, "PG_VERSION"):
        (tmp_path / name).write_text("1\n")
    Processes(tmp_path).forget_crash()
    assert [path.name for path in tmp_path.iterdir()] == ["PG_VERSION"]


def test_two_folders_have_two_titles(tmp_path: Path) -> None:
    assert Processes(tmp_path / "a").title != Processes(tmp_path / "b").title
    assert Processes(tmp_path / "a").title.startswith("scoring-")
