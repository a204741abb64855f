"""One API a module: of a home with the shop's job, one date of which is published."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.embedded.server import Embedded
from pipeline.reasons import tries
from tests.home import Home
from tests.pipeline.serving.api import Api, serving
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def published(server: Embedded, folder: Path) -> Shop:
    """A job, one date of which is published and explained: row 3 has no channel and is rejected."""
    shop = open_shop(Home(folder / "home", server))
    shop.change("channel = NULL", "entity_id = 'customer-00003'")
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    run = shop.home.score(shop.job).run_id
    assert tries.whole(shop.home.workspace, shop.home.read(shop.job), run) == ""
    return shop


@pytest.fixture(scope="module")
def api(published: Shop, folder: Path) -> Iterator[Api]:
    with serving(published.home, folder) as running:
        yield running
