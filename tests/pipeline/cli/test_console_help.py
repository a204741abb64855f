"""`--help` of every command: complete, and shown as it was written."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.__main__ import app

# Words in brackets that a help text holds, which a terminal's markup would swallow.
BRACKETS = re.compile(r"\[[^\]\n]+\]")


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group, with what is typed for it."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)


GROUP = typer.main.get_command(app)
COMMANDS = dict(commands(GROUP))


def shown(*typed: str) -> str:
    """What `--help` prints, on one line and without the frames."""
    result = CliRunner().invoke(app, [*typed, "--help"], env={"COLUMNS": "240", "TERMINAL_WIDTH": "240"})
    assert result.exit_code == 0
    return " ".join(re.sub("[\u2500-\u257f]", " ", result.output).split())


def written(text: str | None) -> str:
    """A help text as it was written, on one line."""
    return " ".join((text or "").replace("\\[", "[").split())


def test_there_are_as_many_commands_as_were_seen() -> None:
    assert len(COMMANDS) >= 30
    assert {("export",), ("dsn",), ("score",), ("new", "job")} <= COMMANDS.keys()


@pytest.mark.parametrize("typed", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_is_whole(typed: tuple[str, ...]) -> None:
    command = COMMANDS[typed]
    output = shown(*typed)
    assert "<bool>" not in output
    assert "<function" not in output
    if command.callback is not None:
        for sentence in BRACKETS.sub("", written(inspect.getdoc(command.callback))).split(". "):
            assert sentence.strip()  # something is said
        for paragraph in (inspect.getdoc(command.callback) or "").split("\n\n"):
            assert written(paragraph) in output
    for param in command.params:
        text = written(param.help)
        assert text, f"{param.name} has no help"
        assert text[-1] in ".?!", f"{param.name}: {text}"
        assert text in output
        # A default is shown, or there is none to be seen.
        if param.default not in (None, False, "", []) and param.show_default and not callable(param.default):
            assert f"[default: {getattr(param.default, 'value', param.default)}]" in output


@pytest.mark.parametrize("typed", [path for path in COMMANDS if len(path) == 1], ids=" ".join)
def test_the_list_of_commands_has_the_whole_first_sentence(typed: tuple[str, ...]) -> None:
    command = COMMANDS[typed]
    text = inspect.getdoc(command.callback) if command.callback else command.help
    first = written((text or "").split("\n\n")[0])
    assert first.endswith(".")
    assert f"{typed[0]} {first}" in shown()


def test_words_in_brackets_are_shown() -> None:
    assert "[retention]" in shown("prune")
    assert "[retention]" in shown("migrate")
