"""Every console block of README.md and docs/ runs, in a checkout as a fresh `make demo` leaves it, and prints that."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generators.command_line import commands
from tests.docs import pages
from tests.docs.checkout import DAYS, Demo, query
from tests.docs.pages import Block
from tests.docs.terminal import Terminal

# Of a block in one of these languages something has to hold.
LANGUAGES = ("console", "sql")
PAGES = [page for page in pages.pages() if any(one.language in LANGUAGES for one in pages.blocks(page))]
TARGETS = re.findall(r"^([.a-z-]+):.*## ", (pages.ROOT / "Makefile").read_text(), re.MULTILINE)
SHELLS = ("bash", "sh", "shell", "zsh", "shell-session")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(pages.ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_what_a_page_has_typed_runs_and_prints_what_it_says(page: Path, demo: Demo, tmp_path: Path) -> None:
    number = PAGES.index(page)
    with demo.copy(tmp_path, f"docs_page_{number}") as terminal:
        for block in pages.blocks(page):
            if block.title:
                write(terminal, block)
            elif block.not_run:
                continue
            elif block.language == "console":
                for typed in pages.typed(block):
                    run(terminal, block, typed)
            elif block.language == "sql":
                query(terminal, block.text)


def write(terminal: Terminal, block: Block) -> None:
    path = terminal.folder / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def run(terminal: Terminal, block: Block, typed: pages.Typed) -> None:
    """A command whose output is not shown has to succeed; one that is shown may be refused, as the page says."""
    command = typed.command
    if command.startswith("make "):
        require_target(block, command)
        if not command.startswith("make psql ARGS="):
            return  # it would start the suite, the demo or another checkout's server
        command = as_psql(command)
    code, output = terminal.run(command)
    shown = [line for line in typed.printed if line.strip() not in ("", "...")]
    assert code == 0 or shown, f"{block}: {typed.command!r} ended with {code}:\n{output}"
    if typed.printed:
        assert pages.prints(typed.printed, output), (
            f"{block}: {typed.command!r} ended with {code} and printed\n{output}\nThe page says\n"
            + "\n".join(typed.printed)
        )


def as_psql(command: str) -> str:
    """What `make psql` runs, on the page's own database."""
    [arguments] = [word.removeprefix("ARGS=") for word in shlex.split(command)[2:]]
    return f'PGOPTIONS="-c search_path=scoring" psql "$AIRFLOW_CONN_ANALYST" {arguments}'


def require_target(block: Block, command: str) -> None:
    chosen = [word for word in shlex.split(command, comments=True)[1:] if "=" not in word]
    assert chosen
    assert set(chosen) <= set(TARGETS), f"{block}: the Makefile has no such target: {command!r}"


def every_block() -> Iterator[Block]:
    for page in pages.pages():
        yield from pages.blocks(page)


def test_a_command_that_is_not_run_is_one_that_there_is() -> None:
    for block in every_block():
        if block.language == "console" and block.not_run:
            for typed in pages.typed(block):
                if typed.command.startswith("make "):
                    require_target(block, typed.command)
                for words in of_scoring(typed.command):
                    require_command(block, words)


def test_a_command_within_a_sentence_is_one_that_there_is() -> None:
    for page in pages.pages():
        for line in page.read_text().splitlines():
            for code in re.findall(r"`(scoring [a-z][^`]*)`", line):
                for words in of_scoring(code):
                    require_command_name(f"{page.name}: {code}", words)


def of_scoring(line: str) -> Iterator[list[str]]:
    """The arguments of every command of ours in a line of a shell."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and not set(word) <= set("();<>|&"):
            words.append(word)
            continue
        while words and re.match(r"^\w+=", words[0]):
            words = words[1:]
        if "scoring" in words[:1]:
            yield words[1:]
        elif words[:3] == ["python", "-m", "pipeline"]:
            yield words[3:]
        words = []


def require_command_name(where: object, words: list[str]) -> str:
    known = commands()
    name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
    groups = {command.split()[0] for command in known}
    assert name in known or name in groups or name.startswith("--"), f"{where}: no such command"
    return name


def require_command(where: object, words: list[str]) -> None:
    name = require_command_name(where, words)
    command = commands().get(name)
    if command is None:
        return
    options = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    given = {word.split("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert given <= options, f"{where}: scoring {name} has no {', '.join(sorted(given - options))}"


def test_what_is_typed_stands_in_console_blocks_and_files_have_titles() -> None:
    """Else nobody runs it."""
    for block in every_block():
        assert block.language not in SHELLS, f"{block}: write ```console, with `$ ` before what is typed"
        if block.language == "console":
            assert pages.typed(block), f"{block}: nothing is typed. Write `$ ` before the command"


def test_the_demo_leaves_five_runs_with_these_numbers(demo: Demo, tmp_path: Path) -> None:
    """The pages name them, and tests/local/test_demo.py asserts the same of the real one."""
    with demo.copy(tmp_path, "docs_numbers") as terminal:
        runs = query(
            terminal, "SELECT run_id, score_date::text, status FROM scoring.scoring_runs ORDER BY run_id"
        )
        measured = query(terminal, "SELECT DISTINCT run_id FROM scoring.outcome_metrics ORDER BY run_id")
    assert runs == [
        (number, day, "held" if number == len(DAYS) else "published") for number, day in enumerate(DAYS, 1)
    ]
    assert measured == [(1,), (2,), (3,), (4,)]
