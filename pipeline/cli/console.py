"""What commands print, on the terminal or for programs."""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

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


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.6g}"
    # Twelve digits of a SHA-256 tell two files apart; `--json` has them all.
    return str(value)[:12] if _DIGEST.fullmatch(str(value)) else str(value)
