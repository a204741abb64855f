"""pipeline/provisioning/migrate.py: any number of migrations leave one schema, which explains itself."""

import re
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.databases.waiting import Busy, Turns
from pipeline.embedded.server import Embedded
from pipeline.project import SQL
from pipeline.provisioning.migrate import RevisionError, migrate
from tests.sql.catalogue import catalogue


def rows(uri: str, query: str) -> list[Any]:
    """The first column of a query."""
    with postgres.engine(uri).connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


@pytest.fixture
def fresh(server: Embedded) -> Iterator[str]:
    """Address of an empty database, as its owner."""
    admin = postgres.engine(server.uri("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE to_migrate"))
        yield server.uri("to_migrate")
        connection.execute(sa.text("DROP DATABASE to_migrate WITH (FORCE)"))


def test_migrating_again_changes_nothing(fresh: str) -> None:
    objects = (
        "SELECT oid::text || relname FROM pg_class WHERE relnamespace = 'scoring'::regnamespace ORDER BY 1"
    )
    first = migrate(fresh)
    before = rows(fresh, objects)
    assert migrate(fresh) == first
    assert rows(fresh, objects) == before
    assert rows(fresh, "SELECT version_num FROM scoring.alembic_version") == [first]


def test_migrations_at_once_make_one_schema(fresh: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        revisions = set(threads.map(migrate, [fresh] * 4))
    assert rows(fresh, "SELECT version_num FROM scoring.alembic_version") == list(revisions)


@pytest.fixture
def second(fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The empty database at the newest revision, and after it one that changes what analysts read."""
    newest = migrate(fresh)
    shutil.copytree(SQL / "migrations", tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "migrations" / "versions" / "9999_next.py").write_text(NEXT.format(newest=newest))
    monkeypatch.setattr("pipeline.provisioning.migrate.MIGRATIONS", tmp_path / "migrations")
    return fresh


NEXT = """
from alembic import op

revision, down_revision = "9999", "{newest}"


def upgrade() -> None:
    op.execute("ALTER TABLE scoring.current_runs ADD COLUMN more text")
"""


def test_a_later_revision_adds_to_what_is_there(second: str) -> None:
    assert migrate(second) == "9999"
    assert rows(second, "SELECT version_num FROM scoring.alembic_version") == ["9999"]
    assert rows(second, "SELECT more FROM scoring.current_runs") == []


def test_a_database_of_the_baseline_gets_what_a_new_one_has(fresh: str, server: Embedded) -> None:
    migrate(fresh)
    with psycopg.connect(server.uri("to_migrate")) as session:
        expected = catalogue(session)
    # As the first baseline left it: no column, no right to it, and a function that does not name it.
    with postgres.engine(fresh).begin() as connection:
        function = connection.exec_driver_sql(FUNCTION).scalar_one()
        older = function.replace(", pipeline_version)", ")").replace(", last.pipeline_version)", ")")
        assert older != function
        connection.exec_driver_sql(older, execution_options={"no_parameters": True})
        connection.exec_driver_sql(
            "ALTER TABLE scoring.scoring_runs DROP COLUMN pipeline_version, DROP COLUMN ready_sha256"
        )
        connection.exec_driver_sql("UPDATE scoring.alembic_version SET version_num = '0001'")
    migrate(fresh)
    with psycopg.connect(server.uri("to_migrate")) as session:
        assert unnumbered(catalogue(session)) == unnumbered(expected)


FUNCTION = "SELECT pg_get_functiondef('scoring.serve_last_published'::regproc)"


def unnumbered(lines: set[str]) -> set[str]:
    """A catalogue in which the columns have no number: a dropped column leaves its own behind."""
    return {
        re.sub(r"\| \d+ \| (pipeline_version|ready_sha256)", r"| \1", line)
        for line in lines
        if "pg.dropped" not in line
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scoring.alembic_version SET version_num = '0018'",
        # Older than the baseline, with its number.
        "DROP TABLE scoring.identity",
    ],
)
def test_a_database_that_no_revision_leads_on_from_is_refused(fresh: str, statement: str) -> None:
    migrate(fresh)
    with postgres.engine(fresh).begin() as connection:
        connection.execute(sa.text(statement))
    before = rows(fresh, "SELECT version_num FROM scoring.alembic_version")
    with pytest.raises(
        RevisionError,
        match=r"is at revision 00\d\d, which this checkout does not have. .* `scoring rebuild`",
    ):
        migrate(fresh)
    assert rows(fresh, "SELECT version_num FROM scoring.alembic_version") == before


def test_behind_a_migration_that_an_idle_reader_holds_up_others_read_on(
    server: Embedded, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.provisioning.migrate.TURNS", Turns(lock_timeout="100ms", pause=0.2, patience=120)
    )
    read = sa.text("SELECT count(*) FROM scoring.predictions")
    analyst = postgres.engine(server.uri("to_migrate", "analyst"))
    with ThreadPoolExecutor(1) as threads, analyst.connect() as idle:
        idle.execute(read)
        migrating = threads.submit(migrate, second)
        try:
            waits = 0
            deadline = time.monotonic() + 60
            while waits < 3:
                assert time.monotonic() < deadline, "the migration never waited for the idle reader"
                waits += len(rows(second, WAITING))
                with analyst.begin() as other:
                    other.execute(sa.text("SET LOCAL lock_timeout = '20s'"))
                    other.execute(read)
            assert not migrating.done()
        finally:
            idle.close()
        assert migrating.result(120)
    assert rows(second, "SELECT version_num FROM scoring.alembic_version") == ["9999"]


WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


def test_a_migration_that_is_held_up_for_long_says_by_whom(
    server: Embedded, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.provisioning.migrate.TURNS", Turns(lock_timeout="50ms", pause=0.05, patience=0.5)
    )
    before = rows(second, "SELECT version_num FROM scoring.alembic_version")
    with postgres.engine(server.uri("to_migrate", "analyst")).connect() as idle:
        idle.execute(sa.text("SELECT count(*) FROM scoring.predictions"))
        with pytest.raises(
            Busy, match=r"migrating the predictions database: no lock was free .*\d+ \(analyst\)"
        ):
            migrate(second)
    assert rows(second, "SELECT version_num FROM scoring.alembic_version") == before


def test_a_published_score_is_not_migrated_away(second: str) -> None:
    with postgres.engine(second).begin() as connection:
        connection.execute(sa.text("SELECT scoring.ensure_partition('2024-03-01')"))
        insert = "INSERT INTO scoring.prediction_rows VALUES ('2024-03-01', 1, 0, 'entity', 0.5)"
        connection.execute(sa.text(insert))
    migrate(second)
    assert rows(second, "SELECT entity_id FROM scoring.prediction_rows") == ["entity"]


def test_every_table_and_view_says_what_it_is(server: Embedded) -> None:
    silent = """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'scoring'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
          AND coalesce(obj_description(oid, 'pg_class'), '') = ''
    """
    assert rows(server.uri("predictions"), silent) == []


def test_every_function_of_the_pipeline_says_what_it_does(server: Embedded) -> None:
    silent = """
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'scoring'::regnamespace AND coalesce(obj_description(oid, 'pg_proc'), '') = ''
    """
    assert rows(server.uri("predictions"), silent) == []


@pytest.mark.parametrize("day", ["2023-12-31", "2024-02-29", "2024-12-01"])
def test_a_month_gets_its_partition_once_from_runs_that_begin_together(fresh: str, day: str) -> None:
    migrate(fresh)

    def ensure(_: int) -> None:
        with postgres.engine(fresh).begin() as connection:
            connection.execute(sa.text("SELECT scoring.ensure_partition(:day)"), {"day": day})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ensure, range(4)))
    made = rows(fresh, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    assert made == [f"prediction_rows_{day[:7].replace('-', '')}"]
