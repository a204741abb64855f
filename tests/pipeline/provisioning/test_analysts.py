"""`grant-analyst` and `revoke-analyst`: who reads which jobs, with an owner that is no superuser."""

import re
import sys
from collections.abc import Callable

import psycopg
import pytest

from pipeline.__main__ import main
from tests.home import Home
from tests.servers import Server


@pytest.fixture(params=[15, 18], ids=str)
def home(
    request: pytest.FixtureRequest,
    real_server: Callable[[int], Server],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """A home with two jobs on a server as production has it."""
    home = Home(tmp_path_factory.mktemp("home"), real_server(request.param))
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    for job in ("arrivals", "visits"):
        home.job("SELECT 1", "none", name=job)
    return home


@pytest.fixture
def role(home: Home) -> str:
    """A group of analysts, whose name has to be quoted."""
    name = 'Risk "%I" :team'
    with psycopg.connect(home.server.uri("predictions"), autocommit=True) as session:
        quoted = '"' + name.replace('"', '""') + '"'
        session.execute(f"DROP ROLE IF EXISTS {quoted}".encode())
        session.execute(f"CREATE ROLE {quoted}".encode())
    return name


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command; returns its exit code and what it said."""

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *words])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return int(str(code or 0)), (output.out + output.err).strip()

    return run


def test_what_a_role_reads_is_granted_and_taken_job_by_job(
    role: str, run: Callable[..., tuple[int, str]]
) -> None:
    assert run("grant-analyst", role) == (0, f"{role} reads every job")
    assert run("grant-analyst", role, "--job", "arrivals") == (0, f"{role} reads arrivals")
    assert run("grant-analyst", role, "--job", "visits") == (0, f"{role} reads arrivals, visits")
    assert run("revoke-analyst", role, "--job", "arrivals") == (0, f"{role} reads visits")
    assert run("revoke-analyst", role, "--job", "visits") == (0, f"{role} reads nothing")
    assert run("grant-analyst", role, "--job", "visits", "--job", "arrivals") == (
        0,
        f"{role} reads arrivals, visits",
    )
    assert run("revoke-analyst", role) == (0, f"{role} reads nothing")


def test_the_login_that_was_an_analyst_from_the_first_can_be_limited(
    home: Home, run: Callable[..., tuple[int, str]]
) -> None:
    assert run("grant-analyst", "analyst", "--job", "visits") == (0, "analyst reads visits")
    assert home.sql("SELECT job FROM scoring.my_jobs", "analyst") == [{"job": "visits"}]
    assert run("grant-analyst", "analyst") == (0, "analyst reads every job")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("grant-analyst", "nobody"),
            "there is no role 'nobody' on this server. Create it first: CREATE ROLE",
        ),
        (("grant-analyst", "postgres"), "role 'postgres' is a superuser, whom nothing is kept from"),
        (("grant-analyst", "scoring_analyst"), "role 'scoring_analyst' is the group itself"),
        (
            ("grant-analyst", "analyst", "--job", "visist"),
            "no job 'visist': it has neither a file in .*dags nor a run",
        ),
        (("revoke-analyst", "nobody"), "there is no role 'nobody' on this server"),
        (
            ("revoke-analyst", "analyst", "--job", "visits"),
            "role 'analyst' reads every job. Name those that it is to",
        ),
        (
            ("revoke-analyst", "janitor", "--job", "visits"),
            "role 'janitor' was not granted visits. It reads: none",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(
    home: Home, run: Callable[..., tuple[int, str]], words: tuple[str, ...], message: str
) -> None:
    code, output = run(*words)
    assert code == 2
    assert re.search(message, output), output


def test_who_is_an_analyst_by_another_way_is_named(home: Home, run: Callable[..., tuple[int, str]]) -> None:
    with psycopg.connect(home.server.uri("predictions"), autocommit=True) as session:
        session.execute("CREATE ROLE readers; GRANT scoring_analyst TO readers; GRANT readers TO janitor")
        try:
            code, output = run("grant-analyst", "janitor", "--job", "visits")
        finally:
            session.execute("DROP ROLE readers")
    assert code == 2
    assert output == (
        "role 'janitor' still reads every job, as a member of scoring_analyst by the group readers. "
        "Take that from it first."
    )


def test_only_the_owner_grants(
    home: Home, role: str, run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_OWNER", home.server.connections["predictions"])
    code, output = run("grant-analyst", role)
    assert code == 2
    assert "permission denied for function grant_analyst" in output
    assert "Ask as the predictions database's owner" in output


def jobs_read(home: Home, role: str) -> list[str]:
    """The jobs that a role reads by name."""
    with psycopg.connect(home.server.uri("predictions")) as session:
        session.execute(f"SET ROLE {role}".encode())
        return [job for (job,) in session.execute("SELECT job FROM scoring.my_jobs ORDER BY job")]


def test_a_new_role_inherits_nothing_from_a_dropped_role_of_its_name(
    home: Home, run: Callable[..., tuple[int, str]]
) -> None:
    with psycopg.connect(home.server.uri("predictions"), autocommit=True) as session:
        session.execute("CREATE ROLE leaver")
        try:
            assert run("grant-analyst", "leaver", "--job", "arrivals") == (0, "leaver reads arrivals")
            session.execute("DROP ROLE leaver; CREATE ROLE leaver; GRANT scoring_job_analyst TO leaver")
            assert jobs_read(home, "leaver") == []
            assert run("grant-analyst", "leaver", "--job", "visits") == (0, "leaver reads visits")
            assert jobs_read(home, "leaver") == ["visits"]
            assert run("revoke-analyst", "leaver") == (0, "leaver reads nothing")
        finally:
            session.execute("DROP ROLE leaver")


@pytest.mark.parametrize("jobs", [(), ("--job", "visits")], ids=["every", "one"])
def test_a_login_that_inherits_no_rights_reads_or_is_refused(
    home: Home, run: Callable[..., tuple[int, str]], jobs: tuple[str, ...]
) -> None:
    with psycopg.connect(home.server.uri("predictions"), autocommit=True) as session:
        session.execute("CREATE ROLE proud NOINHERIT")
        try:
            code, output = run("grant-analyst", "proud", *jobs)
            reads = session.execute("SELECT pg_has_role('proud', 'scoring_job_analyst', 'USAGE')").fetchall()
            if session.info.server_version >= 160000:
                assert (code, reads) == (0, [(True,)])
                assert jobs_read(home, "proud") == [*jobs[1:]]
            else:
                assert (code, reads) == (2, [(False,)])
                assert output == (
                    "role 'proud' does not inherit the rights of its groups (NOINHERIT), so it would read nothing. "
                    "Change it first: ALTER ROLE proud INHERIT"
                )
        finally:
            run("revoke-analyst", "proud")
            session.execute("DROP ROLE proud")
