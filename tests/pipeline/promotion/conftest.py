"""A shop whose dates were scored by a version that knows little, beside a better one."""

import shutil
from collections.abc import Iterator

import pytest

from pipeline.embedded.server import Embedded
from tests.home import Home, shop_rows
from tests.pipeline.evaluation.shop import BY, bought, name_outcomes
from tests.pipeline.promotion.versions import DATES, better, day, worse
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture(scope="session")
def scored(server: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The dates, published by version 1."""
    home = Home(tmp_path_factory.mktemp("promotion") / "home", server)
    home.model("shop", *worse(), outcome="bought")
    home.model("shop", *better(), outcome="bought", alias=None)
    shop = open_shop(home, shop_rows(60))
    name_outcomes(shop, bought(shop_rows(60)), slices=BY)
    for number in range(DATES):
        home.score(shop.job, day(number))
    return shop


@pytest.fixture
def published(scored: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The same for a test that changes its versions, which are put back."""
    for name, value in scored.home.environment.items():
        monkeypatch.setenv(name, value)
    models, kept = scored.home.path / "models", scored.home.path / "kept"
    shutil.copytree(models, kept)
    yield scored
    shutil.rmtree(models)
    kept.rename(models)
