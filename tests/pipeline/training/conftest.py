"""A table of five score dates in the warehouse."""

import pytest

from tests.home import Home
from tests.pipeline.training.rates import ROWS


@pytest.fixture
def rated(home: Home, monkeypatch: pytest.MonkeyPatch) -> str:
    """A table with a column of Postgres' `real` on five score dates."""
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    table = home.name("rates")
    home.sql(ROWS.format(table=table), "warehouse_owner")
    return table
