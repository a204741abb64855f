"""The local Airflow keeps to itself."""

import psutil
import pytest

from local.airflow import Airflow, started
from local.environment import Place
from local.port import HOST
from local.private import USER
from local.processes import LocalError, marked
from local.rest import Rest
from pipeline.embedded import Embedded


def test_it_listens_on_the_loopback_only(airflow: Airflow) -> None:
    listening = [
        connection.laddr
        for process in marked(airflow.place.folder)
        for connection in process.net_connections("inet")
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
    for process in marked(airflow.place.folder):
        names = {name for name in process.environ() if name.startswith("AIRFLOW_CONN_")}
        assert names == {"AIRFLOW_CONN_WAREHOUSE", "AIRFLOW_CONN_PREDICTIONS"}
