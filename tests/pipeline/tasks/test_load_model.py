"""pipeline/tasks/load_model.py: a run is scored by the version that it was pinned to, or by none."""

import pytest

from pipeline.model.artifact import ModelError
from pipeline.tasks.load_model import load_model
from tests.home import shop_model
from tests.pipeline.shop import Shop


def test_a_version_pinned_anew_while_the_run_goes_on_is_refused(shop: Shop) -> None:
    run = shop.extract()
    path = shop.home.path / "models" / "shop" / "versions.toml"
    path.write_text(path.read_text().replace(run.model_sha256, "0" * 64))
    with pytest.raises(ModelError, match=f"is pinned to {'0' * 64} now, and was to {run.model_sha256}"):
        load_model(shop.home.workspace, shop.home.read(shop.job), run)


def test_an_alias_moved_while_the_run_goes_on_changes_nothing(shop: Shop) -> None:
    run = shop.extract()
    shop.home.model("shop", *shop_model(seed=5))
    assert {
        work.model_version for work in load_model(shop.home.workspace, shop.home.read(shop.job), run)
    } == {1}
    assert shop.home.read(shop.job).model.alias == "champion"
