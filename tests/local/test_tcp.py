"""local/tcp.py: what `make up` tells of the connection string. The way in: tests/pipeline/embedded/test_door.py."""

from pathlib import Path

import pytest

from local import tcp
from local.airflow_environment import Place


def test_a_server_of_somebody_elses_gets_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", "postgres://them@db.example.org/theirs")
    with tcp.opened(Place.of(tmp_path, tmp_path)) as sentence:
        assert "on a server of yours" in sentence
    assert list(tmp_path.iterdir()) == []
