"""A shop with a database of its own, made anew for every test."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.databases import connections
from pipeline.embedded.server import Embedded
from pipeline.provisioning.migrate import migrate
from tests.home import Home
from tests.pipeline.recovery.rescue import NIGHTS, Own, Rescue, create, drop
from tests.pipeline.shop import open_shop


@pytest.fixture(scope="session")
def template(server: Embedded) -> Iterator[Own]:
    """A server with a migrated database, from which others are made."""
    own = Own(server.socket, server.binaries, server.data, database=f"rescue_{os.getpid()}_template")
    create(own)
    migrate(connections.postgres(own.connections["predictions_owner"], "predictions_owner"))
    yield own
    drop(own)


@pytest.fixture
def rescue(template: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rescue]:
    """A shop whose first night is published, with some rows rejected, in a database of its own."""
    own = replace(template, database=template.database.removesuffix("_template"))
    create(own, template.database)
    home = Home(tmp_path / "rescue", own)
    home.sql("UPDATE scoring.identity SET database_id = gen_random_uuid(), secret = DEFAULT")
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    shop = open_shop(home)
    shop.change("channel = NULL", "entity_id IN ('customer-00001', 'customer-00041')")
    home.score(shop.job, NIGHTS[0])
    yield Rescue(shop, own)
    drop(own)
