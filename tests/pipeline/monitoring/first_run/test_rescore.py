"""pipeline/monitoring/first_run/rescore.py: the parts of a first run are compared with the version before."""

from datetime import timedelta

import pytest

from pipeline.model import registry
from pipeline.payloads import Scored
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.promotion.versions import better, worse
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def first(home: Home) -> Shop:
    """A shop whose date before was published by version 1, and whose champion is version 2."""
    home.model("shop", *better())
    shop = open_shop(home)
    home.score(shop.job, NIGHT - timedelta(days=1))
    home.model("shop", *worse())
    return shop


def scored(shop: Shop) -> list[Scored]:
    return shop.predict(shop.extract())


def test_each_part_says_how_far_it_is_from_the_version_before(first: Shop) -> None:
    home, run = first.home, first.extract()
    assert run.former == 1
    assert [part.moved for part in first.predict(run)] == [{}] * 3  # nothing says how far they may move
    pinned = registry.resolve(home.path, "shop", "champion")
    keep(home.path, promotion_of(pinned, 1, evidence_of(first.job)))
    parts = first.predict(run)
    assert [part.moved["rows"] for part in parts] == [40, 40, 20]
    assert all(part.moved["squares"] > part.moved["shift"] ** 2 / part.moved["rows"] > 0 for part in parts)
    # Who is named by a person is no new champion.
    assert first.extract(model_version=2).former is None


def test_a_version_before_that_cannot_score_stops_no_run(
    first: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    home = first.home
    pinned = registry.resolve(home.path, "shop", "champion")
    keep(home.path, promotion_of(pinned, 1, evidence_of(first.job)))
    (home.path / "models" / "shop" / "1" / "model.joblib").write_bytes(b"altered")
    parts = scored(first)
    assert [part.moved for part in parts] == [{}] * 3
    assert "not compared with version 1" in caplog.text
