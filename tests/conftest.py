"""Fixtures: a real Postgres, the real sample warehouse, and small homes with jobs and models of their own."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from pipeline.databases import connections
from pipeline.embedded import server as embedded
from pipeline.embedded.server import Embedded
from pipeline.provisioning.migrate import migrate
from tests import programs, servers
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop
from tests.servers import Server
from tests.spread import (
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
]

# Before anything imports Airflow, which reads its settings once: a home of its own, never the user's.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# A lock is what the test of locks makes: for every model that a test registers, uv would ask the index.
os.environ["SCORING_UV"] = ""

# How long an example takes says how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders for a Postgres of their own, whose paths are short enough for its socket."""
    with tempfile.TemporaryDirectory(prefix="scoring-tests-") as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))


@pytest.fixture(scope="session")
def server(postgres_folder: Callable[[], Path]) -> Iterator[Embedded]:
    """One embedded Postgres for the whole session, with the predictions schema migrated."""
    running = embedded.start(postgres_folder())
    with psycopg.connect(running.uri("postgres"), autocommit=True) as session:
        # It has to outlive killed processes, not a power cut. Each test would wait a dozen times for the disk.
        session.execute("ALTER SYSTEM SET fsync = off")
        session.execute("SELECT pg_reload_conf()")
    migrate(connections.postgres(running.connections["predictions_owner"], "predictions_owner"))
    yield running
    # Here and not at exit, for which a worker has ten seconds.
    embedded.stop(running.data.parent)


@pytest.fixture(scope="session")
def real_server() -> Iterator[Callable[[int], Server]]:
    """Gives the session's server of a version, migrated by an owner who is no superuser; skips where there is none."""
    with ExitStack() as running:

        @cache
        def start(version: int) -> Server:
            server = running.enter_context(servers.started(version))
            migrate(connections.postgres(server.connections["predictions_owner"], "predictions_owner"))
            return server

        def find(version: int) -> Server:
            with programs.skipping(str(version)):
                return start(version)

        yield find


@pytest.fixture(scope="session")
def sample_warehouse(server: Embedded) -> str:
    """Address of the loaded sample warehouse, as its owner."""
    from pipeline.provisioning.sample import load

    uri = connections.postgres(server.connections["warehouse_owner"], "warehouse_owner")
    load(uri)
    return uri


@pytest.fixture
def home(server: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty home with jobs, queries, models and a store of its own, on the shared server."""
    made = Home(tmp_path / "home", server)
    made.empty_outbox()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.drop_tables()


@pytest.fixture
def any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a compiled predictor kept whatever time it takes: a busy machine decides no test."""
    from pipeline.registration.compiled import prove

    monkeypatch.setattr(prove, "MOST_PACE", float("inf"))


@pytest.fixture
def shop(home: Home) -> Shop:
    """A job of the small shop, with 100 rows, in a home of its own."""
    return open_shop(home)
