"""What commands print, on the terminal or for programs."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from typer.core import TyperCommand, TyperGroup, TyperOption

from pipeline.errors import UsageError
from pipeline.plain_text import visible

# How a command ends, other than with 0.
FAILED, USAGE, HELD = 1, 2, 3

# The same in words, for the reference.
EXIT_CODES = {
    0: "Done. What was asked for is there; also where nothing had to be done.",
    FAILED: "Failed, or a check found a difference. Nothing was published; what was published before stays.",
    USAGE: "Wrong usage or configuration. Correct what the message names, and type the command again.",
    HELD: "Held. The run's gate found something, and a person has to approve or reject it.",
    129: "Ended by SIGHUP: the terminal was closed. The run is failed; type the command again.",
    130: "Ended by SIGINT, which Ctrl-C sends. The run is failed; type the command again.",
    143: "Ended by SIGTERM. The run is failed; type the command again.",
}


class _Terminal(Console):
    """A terminal that data gives no commands: what the database keeps may hold any character."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does, with every control character named."""
        super().print(*(visible(value) if isinstance(value, str) else value for value in objects), **options)


out, err = _Terminal(), _Terminal(stderr=True)


class Command(TyperCommand):
    """A command whose help is shown as it was written: no `[word]` is markup, and a switch takes no `<bool>`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # A paragraph of a docstring is one line, which the terminal breaks.
        self.help = escape(re.sub(r"(?<!\n)\n(?!\n)", " ", self.help)) if self.help else None
        for param in self.params:
            if getattr(param, "help", None):
                param.help = escape(param.help)  # type: ignore[attr-defined]

    def get_params(self, ctx: Any) -> list[Any]:
        """Its arguments and options, among which `--help` comes last."""
        return _labelled(super().get_params(ctx), ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What is typed after its name: an argument without brackets is needed."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


class Commands(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options."""
        return _labelled(super().get_params(ctx), ctx)


# What an option takes, in place of Python's name for it.
_LABELS = {"<str>": "TEXT", "<list[str]>": "TEXT", "<path>": "FILE", "<int range>": "N", "<float range>": "X"}


def _labelled(params: list[Any], ctx: Any) -> list[Any]:
    """Parameters whose options say what they take; a switch takes nothing."""
    for param in params:
        if isinstance(param, TyperOption) and param.metavar is None:
            param.metavar = "" if param.is_flag else _LABELS.get(str(param.display_type_rich(ctx=ctx)))
    return params


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_DIGEST = re.compile(r"[0-9a-f]{64}")


def fail(error: object, code: int) -> NoReturn:
    """Print an error and end."""
    err.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(code)


def progress_bar() -> Progress:
    """A progress bar, on a terminal only."""
    columns = (TextColumn("{task.description:20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def print_json(value: Any) -> None:
    """Print a value as JSON; what JSON does not know, as text."""
    print(json.dumps(value, default=str, indent=2))


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows below their keys."""
    if not rows:
        out.print("none yet")
        return
    cells = [
        list(rows[0]),
        *(["" if value is None else _short(value) for value in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(
            line,
            style="bold" if number == 0 else None,
            no_wrap=True,
            markup=False,
            highlight=False,
            soft_wrap=not out.is_terminal,  # a program gets whole lines
        )


def write_file(path: Path, text: str) -> None:
    """Write what a command makes into the file of its option `--out`, and print that.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Name another file: --out FILE."
        ) from None
    out.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.6g}"
    # Twelve digits of a SHA-256 tell two files apart; `--json` has them all.
    return str(value)[:12] if _DIGEST.fullmatch(str(value)) else str(value)
