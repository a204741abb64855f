"""docs/reference/command-line.md, from the Typer app."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from docs.generators.markdown import page, sentence, table
from pipeline.__main__ import app

_INTRODUCTION = """Every command is written `scoring COMMAND`; `python -m pipeline COMMAND` is the same. `--help` \
after a command prints what stands here. [Exit codes](exit-codes.md) says how a command ends."""


def commands() -> dict[str, TyperCommand]:
    """Every command of the command line, by name."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - an app of one command alone would be none
    return dict(_flat(group, ""))


def render() -> str:
    """The page."""
    entries = commands()
    overview = table(
        ["Command", "What it does"],
        [[f"[`{name}`](#{anchor(name)})", _first(command)] for name, command in entries.items()],
    )
    return page("Command line", _INTRODUCTION, [overview, *map(_section, entries, entries.values())])


def anchor(name: str) -> str:
    """A heading's anchor."""
    return re.sub(r"[^a-z0-9]+", "-", f"scoring {name}".lower()).strip("-")


def _flat(group: TyperGroup, prefix: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _flat(command, f"{prefix}{name} ")
        elif isinstance(command, TyperCommand) and not command.hidden:
            yield f"{prefix}{name}", command


def _first(command: TyperCommand) -> str:
    return _help(command).split("\n\n")[0]


def _help(command: TyperCommand) -> str:
    # Rich takes a word in brackets for its own, unless a backslash says otherwise.
    return inspect.cleandoc(command.help or "").replace("\\[", "[")


def _section(name: str, command: TyperCommand) -> str:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    options = [one for one in command.params if isinstance(one, TyperOption) and not one.hidden]
    usage = " ".join(["scoring", name, *(["[OPTIONS]"] if options else []), *map(_usage, arguments)])
    pieces = [f"## scoring {name}", f"```text\n{usage}\n```", _help(command)]
    if arguments:
        rows = [[f"`{_metavar(one)}`", sentence(one.help or ""), _default(one)] for one in arguments]
        pieces.append(table(["Argument", "Meaning", "Default"], rows))
    if options:
        rows = [[f"`{_option(one)}`", sentence(one.help or ""), _default(one)] for one in options]
        pieces.append(table(["Option", "Meaning", "Default"], rows))
    return "\n\n".join(pieces)


def _usage(argument: TyperArgument) -> str:
    word = _metavar(argument) + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _metavar(argument: TyperArgument) -> str:
    return (argument.metavar or argument.name or "").strip("[]").upper()


def _option(option: TyperOption) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {option.metavar or _kind(option.type_descriptor.annotation)}"


def _kind(annotation: Any) -> str:
    """What a value has to be, in a word."""
    if get_origin(annotation) in (Union, UnionType, list, tuple):
        return _kind(next(one for one in get_args(annotation) if one is not type(None)))
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(one.value) for one in annotation)
    words: dict[Any, str] = {int: "NUMBER", float: "NUMBER", str: "TEXT"}
    return words.get(annotation) or str(annotation.__name__).upper()


def _default(parameter: TyperArgument | TyperOption) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        return "off" if not default else "on"
    if default is None or default in ((), [], ""):
        return "none"
    return "looked up" if callable(default) else f"`{default}`"
