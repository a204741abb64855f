"""pipeline/provisioning/migrate.py: any number of migrations leave one schema, and the schema explains itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pipeline.databases import postgres
from pipeline.databases.postgres import Busy, Turns
from pipeline.embedded.server import Embedded
from pipeline.inspection.chain import verify
from pipeline.provisioning import prerequisites
from pipeline.provisioning.migrate import migrate
from pipeline.provisioning.prerequisites import PrerequisiteError
from tests.servers import Server


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


def upgraded(uri: str, revision: str) -> None:
    """Bring a database to a revision that is not the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[3] / "sql" / "migrations"))
    with postgres.engine(uri).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_behind_a_migration_that_an_idle_reader_holds_up_others_read_on(
    server: Embedded, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.provisioning.migrate.TURNS", Turns(lock_timeout="100ms", pause=0.2, patience=120)
    )
    upgraded(fresh, "0003")  # the next one changes what analysts read
    read = sa.text("SELECT count(*) FROM scoring.predictions")
    analyst = postgres.engine(server.uri("to_migrate", "analyst"))
    with ThreadPoolExecutor(1) as threads, analyst.connect() as idle:
        idle.execute(read)
        migrating = threads.submit(migrate, fresh)
        try:
            waits = 0
            deadline = time.monotonic() + 60
            while waits < 3:
                assert time.monotonic() < deadline, "the migration never waited for the idle reader"
                waits += len(rows(fresh, WAITING))
                with analyst.begin() as other:
                    other.execute(sa.text("SET LOCAL lock_timeout = '20s'"))
                    other.execute(read)
            assert not migrating.done()
        finally:
            idle.close()
        assert migrating.result(120)
    assert rows(fresh, "SELECT version_num FROM scoring.alembic_version") == [migrate(fresh)]


WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


def test_a_migration_that_is_held_up_for_long_says_by_whom(
    server: Embedded, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.provisioning.migrate.TURNS", Turns(lock_timeout="50ms", pause=0.05, patience=0.5)
    )
    upgraded(fresh, "0003")
    with postgres.engine(server.uri("to_migrate", "analyst")).connect() as idle:
        idle.execute(sa.text("SELECT count(*) FROM scoring.predictions"))
        with pytest.raises(
            Busy, match=r"migrating the predictions database: a lock was not .*\d+ \(analyst\)"
        ):
            migrate(fresh)
    assert rows(fresh, "SELECT version_num FROM scoring.alembic_version") == ["0003"]


def test_a_published_score_is_not_migrated_away(fresh: str) -> None:
    migrate(fresh)
    with postgres.engine(fresh).begin() as connection:
        connection.execute(sa.text("SELECT scoring.ensure_partition('2024-03-01')"))
        insert = "INSERT INTO scoring.prediction_rows VALUES ('2024-03-01', 'job', 1, 0, 'entity', 0.5)"
        connection.execute(sa.text(insert))
    migrate(fresh)
    assert rows(fresh, "SELECT entity_id FROM scoring.prediction_rows") == ["entity"]


def test_what_was_published_before_publications_were_kept_is_entered_into_them(fresh: str) -> None:
    published = """
        INSERT INTO scoring.scoring_runs (job, score_date, status, trigger, dry_run, interval_start, interval_end,
            idempotency_key, model_name, model_version, model_sha256, code_version, query_sha256, job_sha256,
            library_versions, rows_extracted, rows_rejected, rows_scored, published_at, decided_by, decision_reason)
        SELECT 'job', '2024-03-01', status, 'one', false, now() - interval '1 day', now(),
               'key', 'shop', 1, '', '', '', '', '{}', 1, 0, 1,
               moment, by, NULL
        FROM (VALUES ('superseded', timestamptz '2024-03-01', NULL), ('superseded', '2024-03-02', 'ada'),
                     ('published', '2024-03-03', '')) AS runs (status, moment, by)
    """
    upgraded(fresh, "0001")
    with postgres.engine(fresh).begin() as connection:
        connection.execute(sa.text(published))
    migrate(fresh)
    said = "SELECT concat_ws(' ', run_id, 'for', replaced_run_id, kind, by, reason) FROM scoring.publications"
    assert rows(fresh, f"{said} ORDER BY run_id") == [
        "1 for publish",
        "2 for 1 approval ada none given",
        "3 for 2 publish",
    ]
    assert rows(
        fresh, "SELECT concat_ws(' ', entry, kind, run_id, by) FROM scoring.decisions ORDER BY entry"
    ) == [
        "1 publish 1",
        "2 approval 2 ada",
        "3 publish 3",
    ]
    assert verify(fresh).violations == ("job 2024-03-01 shows nothing, and not the run of entry 3 (publish of run 3, "
                                        "job 2024-03-01)",)  # fmt: skip


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


# What the login needs of the server


@pytest.fixture
def bare(real_server: Callable[[int], Server]) -> Iterator[Server]:
    """A server with an empty database `bare`, and a login `humble` that may do nothing but connect."""
    server = real_server(16)
    with server.superuser() as session:
        session.execute("CREATE DATABASE bare")
        session.execute(f"CREATE ROLE humble LOGIN PASSWORD '{server.passwords['analyst']}'")
        yield server
        session.execute("DROP DATABASE bare WITH (FORCE)")
        session.execute("DROP ROLE humble")


def humble(server: Server) -> str:
    """The address of the empty database as that login."""
    return server.uri("bare", "analyst").replace("analyst:", "humble:")


def test_an_owner_of_the_schema_migrates_with_no_right_on_the_database(bare: Server) -> None:
    with bare.superuser("bare") as session:
        session.execute("CREATE SCHEMA scoring AUTHORIZATION humble")
        session.execute("REVOKE CREATE, TEMPORARY ON DATABASE bare FROM PUBLIC")
    first = migrate(humble(bare))
    assert migrate(humble(bare)) == first


def test_what_a_login_may_not_make_is_named_with_the_statements_that_make_it(
    bare: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prerequisites, "ROLES", (*prerequisites.ROLES, "scoring missing"))
    with pytest.raises(
        PrerequisiteError, match="the login humble may not make what database bare lacks"
    ) as refused:
        migrate(humble(bare))
    _, _, rest = str(refused.value).partition("in that database: ")
    statements = rest.removesuffix(" Then migrate again.")
    assert statements == (
        'CREATE SCHEMA scoring AUTHORIZATION humble; CREATE ROLE "scoring missing" NOLOGIN; '
        "REVOKE CREATE, TEMPORARY ON DATABASE bare FROM PUBLIC;"
    )
    with bare.superuser("bare") as session:
        session.execute(statements)
        migrate(humble(bare))
        session.execute('DROP ROLE "scoring missing"')


def test_a_login_that_does_not_own_the_schema_is_refused(bare: Server) -> None:
    with bare.superuser("bare") as session:
        session.execute("CREATE SCHEMA scoring AUTHORIZATION scoring_owner")
    with pytest.raises(PrerequisiteError, match="belongs to scoring_owner, .* logs in as humble. Give"):
        migrate(humble(bare))


def test_a_server_that_is_too_old_is_refused(bare: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "OLDEST", 17)
    with pytest.raises(PrerequisiteError, match=r"database bare is PostgreSQL 16\.\d+; 17 is the oldest"):
        migrate(bare.uri("bare"))


def test_every_role_that_revisions_make_is_looked_for(bare: Server) -> None:
    """Else a login without CREATEROLE gets the server's error, and no statement that helps."""
    uri = bare.uri("bare")
    with bare.superuser("bare") as session:
        session.execute("CREATE SCHEMA scoring AUTHORIZATION scoring_owner")
        session.execute("REVOKE CREATE, TEMPORARY ON DATABASE bare FROM PUBLIC")
    migrate(bare.uri("bare", "scoring_owner"))
    granted = """
        SELECT DISTINCT grantee::regrole::text
        FROM (SELECT relacl AS acl FROM pg_class WHERE relnamespace = 'scoring'::regnamespace
              UNION ALL SELECT proacl FROM pg_proc WHERE pronamespace = 'scoring'::regnamespace) AS granted,
             aclexplode(acl)
        WHERE grantee <> 0 AND grantee <> 'scoring_owner'::regrole
    """
    # Analysts of every job have what those of one have, and one right more in the views.
    assert {*rows(uri, granted), "scoring_analyst"} == set(prerequisites.ROLES)


def test_the_page_for_administrators_makes_all_that_is_looked_for() -> None:
    page = (Path(__file__).parents[3] / "docs" / "postgres.md").read_text()
    for role in prerequisites.ROLES:
        assert f"CREATE ROLE {role} NOLOGIN;" in page
    assert f"is a PostgreSQL {prerequisites.OLDEST}, " in page
