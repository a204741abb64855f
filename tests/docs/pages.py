"""A page of the documentation as its reader takes it: what is typed, what it prints, which files are written.

In a ```console block a line that begins with `$ ` is typed, and the lines after it are what it prints; `...` stands for
any text, alone on a line for any lines. A block with a title is a file.
A block after `<!-- not run: REASON -->` is read and not run. ```sql without a title is asked as an analyst.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w-]*)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(\S.*?)\s*-->\s*\Z", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

# A sentence ends with one of these before a space; what only looks so is no end.
_END = re.compile(r"(?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z`0-9])")
_NO_END = re.compile(r"\b(e\.g|i\.e|vs|etc|approx|No)\.(?=\s)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the page, below the checkout.
        line: where it begins.
        language: after the fence.
        title: the file that it is, or empty.
        text: what is in it.
        not_run: why it is not run, or empty.
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    not_run: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Typed:
    """A command, and the lines that the page says it prints; none where the page leaves that open."""

    command: str
    printed: tuple[str, ...]


def pages(root: Path = ROOT) -> list[Path]:
    """README.md and every page of docs/."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def blocks(page: Path, root: Path = ROOT) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    listed = []
    for match in _BLOCK.finditer(text):
        title, not_run = _TITLE.search(match["info"]), _NOT_RUN.search(text[: match.start()])
        listed.append(
            Block(
                page=str(page.relative_to(root)),
                line=text.count("\n", 0, match.start()) + 1,
                language=match["language"],
                title=title[1] if title else "",
                text=textwrap.dedent(match["text"]) if match["indent"] else match["text"],
                not_run=not_run[1] if not_run else "",
            )
        )
    return listed


def typed(block: Block) -> list[Typed]:
    """The commands of a console block."""
    commands: list[tuple[str, list[str]]] = []
    going_on = False
    for line in block.text.splitlines():
        if going_on:
            command, printed = commands[-1]
            commands[-1] = (f"{command}\n{line}", printed)
        elif line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands:
            commands[-1][1].append(line)
        elif line.strip():
            raise AssertionError(f"{block}: {line!r} comes before any command. Type one after `$ `.")
        going_on = (going_on or line.startswith("$ ")) and line.endswith("\\")
    return [Typed(command, tuple(printed)) for command, printed in commands]


def prints(expected: tuple[str, ...], output: str) -> bool:
    """Whether a command printed what the page says, however wide the columns are."""
    lines = [" ".join(line.split()) for line in expected if line.strip()]
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
        for line in lines
    )
    shown = "".join(f"{' '.join(line.split())}\n" for line in output.splitlines() if line.strip())
    return re.fullmatch(pattern, shown) is not None


def sentences(page: Path) -> Iterator[str]:
    """The sentences of a page: its text, items of lists and cells of tables, each code one word."""
    text = _COMMENT.sub("", _BLOCK.sub("\n\n", page.read_text(encoding="utf-8")))
    text = re.sub(r"`[^`]+`", "`code`", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*] |\d+\. |\||#|>|!!!))", text):
        plain = _NO_END.sub(
            lambda match: match[1], re.sub(r"^\s*(?:[-*>]|#+|\d+\.|!!! \w+)\s+", "", paragraph)
        )
        for piece in plain.split("|") if paragraph.lstrip().startswith("|") else [plain]:
            yield from filter(None, (" ".join(one.split()) for one in _END.split(piece)))


def words(sentence: str) -> int:
    """How many words a sentence has; signs alone are none."""
    return sum(any(character.isalnum() for character in word) for word in sentence.split())
