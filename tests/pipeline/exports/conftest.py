"""A shop with two published score dates, of which predictions are exported."""

import pytest

from tests.home import Home
from tests.pipeline.exports.exported import LAST
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    """Two published score dates with one between that is not."""
    shop = open_shop(home)
    home.score(shop.job)
    home.score(shop.job, LAST)
    return shop
