"""What Airflow is told: this folder's settings, the pipeline's connections, and no owner's."""

from pathlib import Path

import pytest

from local import airflow_environment
from local.airflow_environment import Place
from pipeline.embedded.server import Embedded


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return Place.of(tmp_path / "home")


@pytest.fixture
def fake() -> Embedded:
    """A server that is only named."""
    return Embedded(socket=Path("/run/pg"), binaries=Path("/bin"), data=Path("/data"))


def made(place: Place, fake: Embedded, **environ: str) -> dict[str, str]:
    """The environment for port 8123."""
    return airflow_environment.environment(place, fake, 8123, environ)


def test_everything_is_in_the_folder(place: Place, fake: Embedded) -> None:
    environ = made(place, fake)
    assert environ["AIRFLOW_HOME"] == f"{place.home}/.local/airflow"
    assert environ["SCORING_HOME"] == str(place.home)
    assert environ["SCORING_STORE"] == f"{place.home}/.local/store"
    assert environ["AIRFLOW__CORE__DAGS_FOLDER"] == f"{place.home}/dags"
    assert environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] == f"{place.home}/.local/logs"
    assert (Path(environ["PYTHONPATH"]) / "pipeline").is_dir()


def test_addresses_are_on_the_loopback_and_agree(place: Place, fake: Embedded) -> None:
    environ = made(place, fake)
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__API__PORT"] == "8123"
    assert environ["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8123"
    assert environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert made(place, fake, NO_PROXY="example.org")["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_the_metadata_is_in_the_embedded_server_under_its_own_role(place: Place, fake: Embedded) -> None:
    uri = made(place, fake)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert uri == "postgresql+psycopg2://airflow@/airflow?host=%2Frun%2Fpg"


def test_tasks_get_the_pipelines_connections_and_no_owners(place: Place, fake: Embedded) -> None:
    mine = "postgres://me@db.example.org/warehouse"
    environ = made(
        place,
        fake,
        AIRFLOW_CONN_WAREHOUSE=mine,
        AIRFLOW_CONN_OTHER="postgres://x@y/z",
        AIRFLOW_CONN_WAREHOUSE_OWNER=mine,
        AIRFLOW_CONN_PREDICTIONS_OWNER=mine,
    )
    connections = {name: value for name, value in environ.items() if name.startswith("AIRFLOW_CONN_")}
    assert connections == {
        "AIRFLOW_CONN_WAREHOUSE": mine,
        "AIRFLOW_CONN_PREDICTIONS": fake.connections["predictions"],
        "AIRFLOW_CONN_PREDICTIONS_APPROVER": fake.connections["predictions_approver"],
        "AIRFLOW_CONN_PREDICTIONS_JANITOR": fake.connections["predictions_janitor"],
        "AIRFLOW_CONN_OTHER": "postgres://x@y/z",
    }


def test_the_web_server_reads_with_a_login_of_its_own_and_the_others_never_do(
    place: Place, fake: Embedded
) -> None:
    environ = made(place, fake, AIRFLOW_CONN_OTHER="postgres://x@y/z")

    def connections(component: str) -> set[str]:
        given = airflow_environment.of_component(component, environ)
        assert ("AIRFLOW__CORE__PLUGINS_FOLDER" in given) == (component == "api-server")
        assert ("SCORING_PAGES" in given) == (component == "api-server")
        return {name.removeprefix("AIRFLOW_CONN_") for name in given if name.startswith("AIRFLOW_CONN_")}

    # What the web server holds, it gives to every task that asks.
    for component in ("api-server", "dag-processor", "triggerer"):
        assert connections(component) == set()
    assert connections("scheduler") == {
        "WAREHOUSE",
        "PREDICTIONS",
        "PREDICTIONS_APPROVER",
        "PREDICTIONS_JANITOR",
        "OTHER",
    }


@pytest.mark.parametrize("name", ["AIRFLOW_CONN_PREDICTIONS_JANITOR", "SCORING_PAGES"])
def test_the_embedded_janitor_and_pages_do_not_go_with_a_real_database(
    place: Place, fake: Embedded, name: str
) -> None:
    mine = "postgres://me@db.example.org/predictions"
    assert name not in made(place, fake, AIRFLOW_CONN_PREDICTIONS=mine)
    assert made(place, fake, AIRFLOW_CONN_PREDICTIONS=mine, **{name: mine})[name] == mine


def test_the_watch_has_its_own_login_and_airflow_has_nothing_of_it(place: Place, fake: Embedded) -> None:
    given = {
        "AIRFLOW_CONN_ALERTS": "{}",
        "SCORING_HEARTBEAT": "https://example.org/secret",
        "HOME": "/home/me",
    }
    roles = {
        "AIRFLOW_CONN_WAREHOUSE": "postgres://x@y/z",
        "AIRFLOW_CONN_PREDICTIONS_OWNER": "postgres://x@y/z",
    }
    environ = airflow_environment.of_watch(place, fake, {**given, **roles})
    assert environ is not None
    assert environ["AIRFLOW_CONN_PREDICTIONS_WATCHER"] == fake.connections["predictions_watcher"]
    assert given.items() <= environ.items()
    assert not roles.keys() & environ.keys()
    assert "SCORING_HEARTBEAT" not in made(place, fake, **given)
    mine = {"AIRFLOW_CONN_PREDICTIONS": "postgres://me@db.example.org/predictions"}
    assert airflow_environment.of_watch(place, fake, mine) is None


def test_settings_of_another_airflow_are_dropped(place: Place, fake: Embedded) -> None:
    environ = made(
        place, fake, AIRFLOW__CORE__LOAD_EXAMPLES="True", AIRFLOW__SENTRY__SENTRY_ON="True", HOME="/home/me"
    )
    assert environ["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert "AIRFLOW__SENTRY__SENTRY_ON" not in environ
    assert environ["HOME"] == "/home/me"


def test_a_store_of_the_users_is_kept(place: Place, fake: Embedded) -> None:
    assert made(place, fake, SCORING_STORE="s3://bucket")["SCORING_STORE"] == "s3://bucket"
