"""docs/how-to/runbook.md: whoever is on call finds every message, every finding and every kind of failure there.

And what a page of docs/how-to/ quotes as a message is one that there is.
"""

import ast
import re
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.challenger import messages as challenger
from pipeline.errors import NothingToDo, ScoringError, UsageError
from pipeline.integrations import messages, quality_messages
from pipeline.project import ROOT
from pipeline.punctuality import broken_files
from pipeline.retraining import messages as retraining
from tests import pages

RUNBOOK = pages.HOW_TO / "runbook.md"
# Roots of other kinds, and what ends a run that needs nobody; a held run has a message.
NO_FAILURES = {"ScoringError", "NothingToDo", "Superseded", "Held"}


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


def titles() -> set[str]:
    """How the title of each message goes on after the job and the score date, as far as it is always the same."""
    titles = set()
    for node in nodes(Path(messages.__file__)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_alert":
            titles |= set(texts(node.args[1]))
        elif isinstance(node, ast.Assign) and "title" in ast.unparse(node.targets[0]).split(",")[0]:
            first = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            titles |= set(texts(first))
    return titles


def texts(node: ast.AST) -> Iterator[str]:
    """The text of a literal, or what a formatted one begins with."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value.strip()


def checks() -> set[str]:
    """The checks that a finding may be of."""
    return {
        str(keyword.value.value)
        for path in (ROOT / "pipeline").rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"
        for keyword in node.keywords
        if keyword.arg == "check" and isinstance(keyword.value, ast.Constant)
    }


def kinds() -> set[str]:
    """Every kind of error of ours, by which the reason of a failed run begins."""
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        if path.name != "__main__.py":
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    below, names = [ScoringError], set()
    while below:
        kind = below.pop()
        names.add(kind.__name__)
        below += [each for each in kind.__subclasses__() if each.__module__.startswith("pipeline.")]
    return names


def promises() -> set[str]:
    """The same of the messages about promises and late data."""
    from pipeline.late_data import messages as late_data
    from pipeline.punctuality import messages

    return {late_data.TITLE, *messages.TITLES.values(), messages.ALL_CLEAR, messages.MENDED}


def test_the_runbook_has_every_title_of_a_message() -> None:
    broken = broken_files.Broken("shop", "shop.toml", "no reason", "0" * 64, date(2024, 3, 1))
    known = titles() | {broken_files.message(broken, None, "http://airflow").title.partition("shop.toml ")[2]}
    assert len(known) >= 9, known
    known |= promises() | {quality_messages.WORSE, quality_messages.OVER, challenger.BETTER, challenger.WORSE}
    known.add(retraining.TITLE)
    text = RUNBOOK.read_text()
    assert {title for title in known if title not in text} == set()


def test_the_runbook_has_every_check_of_the_gate() -> None:
    known = checks()
    assert {"min_rows", "drift"} <= known
    text = RUNBOOK.read_text()
    assert {check for check in known if f"| `{check}`" not in text} == set()


@pytest.mark.parametrize("needed", [ScoringError, UsageError, NothingToDo])
def test_the_kinds_of_failures_are_found(needed: type[ScoringError]) -> None:
    assert needed.__name__ in kinds()


def test_the_runbook_has_every_kind_of_failure() -> None:
    text = RUNBOOK.read_text()
    assert {kind for kind in kinds() - NO_FAILURES if f"`{kind}`" not in text} == set()


# Columns of tables that quote messages.
QUOTING = ("title", "kind", "message", "you see", "says", "reason", "check")
# What Postgres and Python say themselves.
FOREIGN = {
    "permission denied",
    "conflict with recovery",
    "certificate verify failed",
    "No module named 'pipeline'",
    "Registered model alias nobody not found",
}


def corpus() -> str:
    """Every text of the code, in small letters and spaces; a value that is put in is one space."""
    sources = [path.stem for path in (ROOT / "sql" / "audit").glob("*.sql")]
    for folder in ("pipeline", "orchestration", "deploy", "local", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in nodes(path):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else " " for part in node.values)
                    sources.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    sources.append(node.value)
    sources += [path.read_text() for path in (ROOT / "sql" / "schema").rglob("*.sql")]
    return squashed("\n".join(sources))


def squashed(text: str) -> str:
    return " ".join(re.sub(r"%\d?\$?[sI]|[^a-z]+", " ", text.lower()).split())


def quotes(page: Path) -> Iterator[str]:
    """The messages that the tables of a page quote."""
    header: list[str] = []
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not header or not cells:
            header = cells
        elif header[0] in QUOTING:
            for cell, heading in zip(cells, header, strict=True):
                if heading in QUOTING:
                    yield from (quote for quote in re.findall(r"`([^`]+)`", cell) if " " in quote)


def is_said(quote: str, texts: str) -> bool:
    """Whether each piece between values is in the code; the first and the last word may be a value, too."""
    for piece in re.split(r"\.\.\.|\b[A-Z_]+\b|[^A-Za-z_ ]+", quote):
        words = squashed(piece).split()
        if len(words) > 1 and not any(" ".join(kept) in texts for kept in (words, words[1:], words[:-1])):
            return False
    return True


def test_a_message_that_a_page_quotes_is_one_that_there_is() -> None:
    texts, quoted = corpus(), []
    for page in sorted(pages.HOW_TO.glob("*.md")):
        quoted += [(page.name, quote) for quote in quotes(page)]
    assert len(quoted) > 80
    assert [each for each in quoted if each[1] not in FOREIGN and not is_said(each[1], texts)] == []
