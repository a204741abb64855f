"""A real Airflow for all tests of this folder: api-server, scheduler and dag-processor, on the session's Postgres."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import preload
from local.airflow import Airflow, started
from local.airflow_environment import Place
from local.rest import Rest
from pipeline.embedded.server import Embedded
from tests.home import Home, shop_model
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="package")
def nights_home(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home whose jobs the scheduler runs: the real DAG files, the shop's model, and jobs that tests write."""
    made = Home(tmp_path_factory.mktemp("nights") / "home", server)
    for file in ("scoring.py", "outcomes.py", "training.py"):
        shutil.copy(ROOT / "dags" / file, made.path / "dags")
    made.model("shop", *shop_model(), outcome="bought")
    return made


@pytest.fixture(scope="package")
def airflow(nights_home: Home, server: Embedded) -> Iterator[Airflow]:
    """A running Airflow over `nights_home`. A job file is read at once for `ready`."""
    # A test run that is terminated stops what it started, as one that is interrupted does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = {
        **preload.EVERYTHING,
        "SCORING_STORE": nights_home.store,
        "AIRFLOW_CONN_WAREHOUSE": server.connections["warehouse"],
        "AIRFLOW_CONN_PREDICTIONS": server.connections["predictions"],
        # Parsing in vain and looking in vain would keep one of two processors busy all the while.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        # A viewer, and somebody who may log in and see nothing.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,ana:viewer,guest:",
    }
    [port] = free_ports(1)
    with started(Place.of(nights_home.path), server, port=str(port), settings=settings) as running:
        running.ready()
        with running.rest() as client:
            client.warm_up()
        yield running


@pytest.fixture(scope="package")
def rest(airflow: Airflow) -> Iterator[Rest]:
    """Airflow's REST API, as its administrator."""
    with airflow.rest() as client:
        yield client
