"""A job with outcomes."""

import pytest

from tests.home import Home, shop_rows
from tests.pipeline.evaluation.shop import opened
from tests.pipeline.shop import Shop


@pytest.fixture
def shop(home: Home) -> Shop:
    return opened(home, shop_rows())
