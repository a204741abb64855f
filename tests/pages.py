"""What the pages of docs/ show, for tests that type it."""

import re
from pathlib import Path

HOW_TO = Path(__file__).resolve().parents[1] / "docs" / "how-to"
RECOVERY = HOW_TO / "back-up-and-restore.md"


def blocks(page: Path, heading: str, language: str) -> str:
    """The blocks of a language in a section of a page, without the sections below it."""
    _, found, rest = page.read_text().partition(f"# {heading}\n")
    assert found, f"{page.name} has no section {heading!r}"
    section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL))


def commands(page: Path, heading: str) -> str:
    """What a section of a page has people type: the lines after a `$` of its console blocks."""
    typed = re.findall(r"^\$ (.*)$", blocks(page, heading, "console"), re.MULTILINE)
    assert typed, f"{page.name} shows no command in section {heading!r}"
    return "\n".join(typed)
