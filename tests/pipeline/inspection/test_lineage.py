"""pipeline/inspection/lineage.py: what changed of what made the scores is named."""

from tests.home import Home, shop_model
from tests.pipeline.inspection.test_slices import diff
from tests.pipeline.shop import open_shop


def test_what_changed_between_two_runs_is_named(home: Home) -> None:
    shop = open_shop(home)
    before = shop.home.score(shop.job)
    shop.home.model("shop", *shop_model(seed=5))
    shop.query("SELECT entity_id, amount, visits, channel, member FROM {table}")
    shop.configure("a test job", "told otherwise")
    after = shop.home.score(shop.job)
    difference = diff(shop, before.run_id, after.run_id)
    named = {change.what: (change.before, change.after) for change in difference.lineage}
    assert named.keys() == {"model version", "model bytes", "query", "job file"}
    assert named["model version"] == (1, 2)
    assert difference.changed == 100
