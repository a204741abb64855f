"""A job of the small shop, in a home that the tests of a module share."""

import pytest

from pipeline.embedded.server import Embedded
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="module")
def street(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of all shops that leave their model as it is."""
    return Home(tmp_path_factory.mktemp("home"), server)


@pytest.fixture
def shop(street: Home) -> Shop:
    return open_shop(street)
