"""pipeline/runs/identity.py: what decides the scores decides whether a run is another one."""

import pytest

from pipeline.runs import code_version, identity
from pipeline.runs.ledger import Superseded
from tests.home import Home, shop_model
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    return open_shop(home)


def test_other_code_is_another_key(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.home.score(shop.job)
    monkeypatch.setattr(code_version, "code_version", lambda: "another")
    assert shop.home.score(shop.job).replaced_run_id == first.run_id


def test_another_job_file_is_another_key(shop: Shop) -> None:
    first = shop.home.score(shop.job)
    shop.configure("a test job", "the same job, told otherwise")
    assert shop.home.score(shop.job).replaced_run_id == first.run_id


def test_another_model_version_is_another_key(shop: Shop) -> None:
    first = shop.home.score(shop.job)
    shop.home.model("shop", *shop_model(seed=3))
    done = shop.home.score(shop.job)
    assert (done.model_version, done.replaced_run_id) == (2, first.run_id)


def test_a_late_look_for_a_twin_is_superseded(shop: Shop) -> None:
    run = shop.extract()
    shop.publish(run, shop.write(run))
    with pytest.raises(Superseded, match="published"):
        identity.skip_if_published(shop.home.workspace.predictions, run.run_id)
