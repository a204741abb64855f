"""The local Airflow keeps to itself."""

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import TypeVar

import psutil
import pytest

from local.airflow import COMPONENTS, Airflow, started
from local.airflow_environment import Place
from local.credentials import USER
from local.port import HOST
from local.processes import LocalError, marked
from local.rest import Rest
from pipeline.embedded.server import Embedded

pytestmark = pytest.mark.airflow

Answer = TypeVar("Answer")


def of_the_living(airflow: Airflow, ask: Callable[[psutil.Process], Answer]) -> list[Answer]:
    """What each of its processes answers. Airflow's children come and go while they are asked."""
    processes = []
    for process in marked(airflow.place.folder):
        with suppress(psutil.NoSuchProcess):
            processes.append(ask(process))
    return processes


def test_it_listens_on_the_loopback_only(airflow: Airflow) -> None:
    connections = of_the_living(airflow, lambda process: process.net_connections("inet"))
    listening = [
        connection.laddr
        for connection in chain.from_iterable(connections)
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {HOST}
    assert len({address.port for address in listening}) == 1


def test_a_wrong_password_is_refused(airflow: Airflow) -> None:
    with (
        Rest(airflow.url, USER, "wrong") as stranger,
        pytest.raises(LocalError, match="refused the login of admin"),
    ):
        stranger.dag("anything")


def test_a_second_one_in_the_same_folder_is_refused(airflow: Airflow, server: Embedded) -> None:
    with pytest.raises(LocalError, match="is running the Airflow of"), started(airflow.place, server):
        pass
    airflow.check()


def test_a_port_that_is_taken_is_refused(airflow: Airflow, server: Embedded) -> None:
    port = airflow.url.rsplit(":", 1)[1]
    other = Place.of(airflow.place.home, airflow.place.folder / "other")
    with pytest.raises(LocalError, match=f"Port {port} is taken"), started(other, server, port=port):
        pass


def test_its_components_do_not_see_the_owners_connections(airflow: Airflow) -> None:
    environments = of_the_living(airflow, lambda process: process.environ())
    assert len(environments) >= len(COMPONENTS)
    predictions = "AIRFLOW_CONN_PREDICTIONS"
    tasks = {"AIRFLOW_CONN_WAREHOUSE", predictions, f"{predictions}_APPROVER", f"{predictions}_JANITOR"}
    held = [{name for name in environ if name.startswith("AIRFLOW_CONN_")} for environ in environments]
    assert tasks in held
    assert set() in held
    assert all(names <= tasks for names in held)
