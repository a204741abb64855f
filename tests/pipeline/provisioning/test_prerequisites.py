"""pipeline/provisioning/prerequisites.py: what a server or a login lacks is named, with the statements that make it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.provisioning import prerequisites
from pipeline.provisioning.migrate import migrate
from pipeline.provisioning.prerequisites import PrerequisiteError
from tests import pages
from tests.servers import Server


def rows(uri: str, query: str) -> list[Any]:
    """The first column of a query."""
    with postgres.engine(uri).connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


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


def test_every_role_that_has_rights_is_looked_for(bare: Server) -> None:
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
    page = (pages.HOW_TO / "postgres.md").read_text()
    for role in prerequisites.ROLES:
        assert f"CREATE ROLE {role} NOLOGIN;" in page
    assert f"PostgreSQL {prerequisites.OLDEST}, " in page
