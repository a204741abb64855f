"""Run commands in this process."""

import sys

import pytest

from pipeline import __main__ as command_line
from tests.pipeline.cli.command import Command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process: its exit code, what it printed, and what it complained of."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
        try:
            command_line.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        else:
            code = 0
        output, complained = capsys.readouterr()
        return code, " ".join(output.split()), " ".join(complained.split())

    return run_command
