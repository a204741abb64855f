"""Only databases of our own are set up."""

from pathlib import Path

import pytest

from local import seed
from local.airflow_environment import Place
from pipeline.databases import connections
from pipeline.embedded.server import Embedded

FAKE = Embedded(socket=Path("/run/pg"), binaries=Path("/bin"), data=Path("/data"))
THEIRS = "postgres://them@db.example.org/theirs"
READ = connections.postgres(THEIRS, "theirs")


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, FAKE.connections["predictions_owner"]),
        ({"AIRFLOW_CONN_WAREHOUSE": THEIRS}, FAKE.connections["predictions_owner"]),
        ({"AIRFLOW_CONN_PREDICTIONS": THEIRS}, None),
        ({"AIRFLOW_CONN_PREDICTIONS": THEIRS, "AIRFLOW_CONN_PREDICTIONS_OWNER": THEIRS}, READ),
    ],
)
def test_a_database_of_somebody_elses_is_left_alone(environ: dict[str, str], address: str | None) -> None:
    assert seed.owner("predictions", FAKE, environ) == address


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, FAKE.connections["analyst"]),
        ({"AIRFLOW_CONN_PREDICTIONS": THEIRS}, READ),
        ({"AIRFLOW_CONN_PREDICTIONS": "postgres://x@y/z", "SCORING_ANALYST": THEIRS}, READ),
    ],
)
def test_predictions_are_read_where_they_are_written(environ: dict[str, str], address: str) -> None:
    assert seed.reader(FAKE, environ) == address


def test_a_server_of_somebody_elses_gets_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", "postgres://them@db.example.org/theirs")
    with seed.analysts_door(Place.of(tmp_path, tmp_path)) as sentence:
        assert "on a server of yours" in sentence
    assert list(tmp_path.iterdir()) == []
