"""What the tests of a module share: a home of shops, and a database with a chain of decisions."""

from collections.abc import Iterator

import psycopg
import pytest

from pipeline.embedded.server import Embedded
from pipeline.provisioning.migrate import migrate
from tests.home import Home
from tests.pipeline.inspection.chained import Base
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def street(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of all shops that leave their model as it is."""
    return Home(tmp_path_factory.mktemp("home"), server)


@pytest.fixture
def shop(street: Home) -> Shop:
    return open_shop(street)


@pytest.fixture(scope="session")
def template(server: Embedded) -> Iterator[str]:
    """Name of a database with seven entries, of every kind and of two jobs.

    Run 2 was rolled back to, and on runs 3 and 4 somebody has decided.
    """
    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE chain_template")
        base = Base(server, "chain_template")
        migrate(base.owner)
        for step in (base.publish, base.publish, base.approve, base.reject, base.back, base.erase):
            step()
        base.publish("other")
        yield "chain_template"
        admin.execute("DROP DATABASE chain_template WITH (FORCE)")


@pytest.fixture(scope="module")
def chain(server: Embedded, template: str) -> Iterator[Base]:
    """A copy of that database."""
    with psycopg.connect(server.uri("postgres"), autocommit=True) as admin:
        disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(disconnect, (template,))
        admin.execute("CREATE DATABASE chain TEMPLATE chain_template")
        yield Base(server, "chain")
        admin.execute("DROP DATABASE chain WITH (FORCE)")
