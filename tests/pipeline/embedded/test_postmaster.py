"""pipeline/embedded/postmaster.py: a server is reachable by its socket alone, by its user alone."""

import os
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.embedded import server as embedded
from pipeline.embedded import surroundings
from pipeline.embedded.locks import EmbeddedError
from pipeline.embedded.server import Embedded


def ask(uri: str, query: str) -> list[object]:
    """First column of a query's rows."""
    with postgres.engine(uri).connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def test_the_server_listens_on_no_port(server: Embedded) -> None:
    assert ask(server.uri("postgres"), "SELECT current_setting('listen_addresses')") == [""]


def test_a_server_that_cannot_start_says_so(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("18\n")
    os.chown(data, surroundings.account().uid, -1)
    with pytest.raises(
        EmbeddedError, match=rf"(?s)The embedded Postgres in {data} did not start.*postgresql.conf"
    ):
        embedded.start(tmp_path)
    assert embedded.stop(tmp_path) == []


def test_the_server_is_closed_to_every_other_user(server: Embedded) -> None:
    rules = (server.data / "pg_hba.conf").read_text().splitlines()
    assert [rule for rule in rules if not rule.startswith("#")] == [
        "local all,replication all peer map=owner"
    ]
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.socket / surroundings.SOCKET).stat().st_mode) == 0o700
    assert stat.S_IMODE((server.data.parent / "postgres.run").stat().st_mode) == 0o700
