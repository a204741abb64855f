"""pipeline/evaluation/scored_sample.py: a run's scores, whole or a sample that is always the same."""

from tests.home import shop_rows
from tests.pipeline.evaluation.shop import BY, bought, kept, look, name_outcomes
from tests.pipeline.shop import Shop


def test_without_parts_there_are_no_slices_and_all_the_rest(shop: Shop) -> None:
    name_outcomes(shop, bought(shop_rows()), slices=BY)
    with_slices = look(shop).metrics
    for part in (shop.home.path / "store").rglob("part-*.parquet"):
        part.unlink()
    done = look(shop)
    assert [note.split(":")[0] for note in done.notes] == ["no slice by channel", "no slice by member"]
    assert "is no longer in the store" in done.notes[0]
    assert done.metrics["roc_auc"] == with_slices["roc_auc"]
    assert kept(shop, "channel", "web") == {}


def test_of_a_large_night_a_sample_is_looked_at_the_same_one_every_time(shop: Shop) -> None:
    rows = bought(shop_rows())
    name_outcomes(
        shop, rows, business="SELECT sum(weight) AS weight, min(entity_id) IS NULL AS none FROM scores"
    )
    done = look(shop, most=50)
    assert done.metrics["entities"] == 100
    assert 30 <= done.metrics["sampled"] == done.metrics["outcomes"] <= 70
    assert done.metrics["business:weight"] == 2 * done.metrics["sampled"]
    assert "outcomes_unscored" not in done.metrics
    assert look(shop, most=50) == done
    assert look(shop, most=10**9).metrics["sampled"] == 100
