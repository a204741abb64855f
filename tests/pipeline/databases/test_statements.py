"""Named queries: each is asked by somebody, says what it gives, and is there when it is asked for."""

import ast
import re
from pathlib import Path

import pytest

from pipeline.databases import statements
from pipeline.project import ROOT, SQL

READ = re.compile(r'statements\.load\("([^"]+)"\)')


def users(file: str) -> list[Path]:
    """The modules that read a file of queries."""
    return [path for path in MODULES if f'statements.load("{file}")' in path.read_text()]


def asked(module: Path) -> set[str]:
    """The names of the queries that a module asks for."""
    return {
        str(node.slice.value)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_SQL"
        and isinstance(node.slice, ast.Constant)
    }


MODULES = [
    path
    for room in ("pipeline", "local")
    for path in (ROOT / room).rglob("*.py")
    if path.stem != "statements"
]
FILES = sorted({file for path in MODULES for file in READ.findall(path.read_text())})
WITH_NAMES = sorted(
    path.relative_to(SQL).with_suffix("").as_posix()
    for path in SQL.rglob("*.sql")
    if "-- name: " in path.read_text()
)


def test_every_file_of_queries_is_read_by_a_module() -> None:
    assert FILES == WITH_NAMES


@pytest.mark.parametrize("file", FILES)
def test_every_query_is_asked_for_and_every_one_asked_for_is_there(file: str) -> None:
    names = set().union(*map(asked, users(file)))
    assert names == set(statements.load(file))


@pytest.mark.parametrize("file", FILES)
def test_every_query_says_what_it_gives(file: str) -> None:
    assert [name for name, query in statements.load(file).items() if not query.startswith("-- ")] == []
