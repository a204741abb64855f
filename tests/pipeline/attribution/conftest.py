"""A registered model for the tests of this room."""

import pytest

from pipeline.model.manifest import PinnedVersion
from tests.home import Home, shop_model


@pytest.fixture
def pinned(home: Home) -> PinnedVersion:
    """A registered model; it ignores the column `amount`."""
    return home.model("shop", *shop_model())
