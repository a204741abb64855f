"""sql/schema: its files, run by hand, make what the baseline revision makes; and nothing in them is left over."""

import re
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import psycopg
import pytest

from pipeline.project import ROOT, SQL
from pipeline.provisioning.migrate import migrate
from tests.servers import Server
from tests.sql.catalogue import catalogue

SCHEMA = SQL / "schema"


def baseline_files() -> tuple[str, ...]:
    """The files in the order of the baseline revision."""
    spec = spec_from_file_location("baseline", SQL / "migrations" / "versions" / "0001_baseline.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    files: tuple[str, ...] = module.FILES
    return files


@pytest.mark.parametrize("version", [15, 18])
@pytest.mark.parametrize("role", ["scoring_owner", "postgres"])
def test_the_files_run_by_hand_make_what_the_baseline_makes(
    real_server: Callable[[int], Server], version: int, role: str
) -> None:
    server = real_server(version)
    with server.superuser() as session:
        for database in ("by_hand", "by_revision"):
            session.execute(f"CREATE DATABASE {database} OWNER {role}")
    try:
        with psycopg.connect(server.uri("by_hand", role)) as session:
            for file in baseline_files():
                session.execute((SCHEMA / f"{file}.sql").read_bytes())
        migrate(server.uri("by_revision", role))
        with server.superuser("by_hand") as by_hand, server.superuser("by_revision") as by_revision:
            lines, expected = catalogue(by_hand), catalogue(by_revision)
        assert sorted(lines ^ expected) == []
        assert len(expected) > 600
    finally:
        with server.superuser() as session:
            for database in ("by_hand", "by_revision"):
                session.execute(f"DROP DATABASE {database} WITH (FORCE)")


def test_the_baseline_runs_every_file_once() -> None:
    files = baseline_files()
    present = {str(path.relative_to(SCHEMA).with_suffix("")) for path in SCHEMA.rglob("*.sql")}
    assert sorted(files) == sorted(present)


def test_no_function_is_left_that_nothing_calls() -> None:
    schema = "\n".join(path.read_text() for path in sorted(SCHEMA.rglob("*.sql")))
    code = "\n".join(path.read_text() for path in _callers())
    functions = re.findall(r"^CREATE FUNCTION scoring\.(\w+)\(", schema, re.MULTILINE)
    assert len(functions) == len(set(functions)) > 50
    # What the files say of each beside calling it.
    own_words = re.compile(r"CREATE FUNCTION \S+|COMMENT ON FUNCTION \S+|GRANT EXECUTE ON FUNCTION [^;]*;")
    calls = own_words.sub("", schema) + code
    assert [name for name in functions if not re.search(rf"\bscoring\.{name}\b", calls)] == []


def _callers() -> list[Any]:
    folders = ("pipeline", "orchestration", "dags", "deploy", "plugins", "local")
    python = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [*python, *(path for path in SQL.rglob("*.sql") if SCHEMA not in path.parents)]
