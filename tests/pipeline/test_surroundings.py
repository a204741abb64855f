"""Real servers: every supported version of PostgreSQL, with an owner who is no superuser."""

from collections.abc import Callable

import pytest

from tests.servers import VERSIONS, Server


@pytest.mark.parametrize("version", VERSIONS)
def test_none_of_our_logins_is_a_superuser(real_server: Callable[[int], Server], version: int) -> None:
    with real_server(version).superuser() as session:
        rows = session.execute("SELECT rolname FROM pg_roles WHERE rolsuper").fetchall()
        major = session.execute("SELECT current_setting('server_version_num')::int / 10000").fetchall()
    assert (rows, major) == ([("postgres",)], [(version,)])
