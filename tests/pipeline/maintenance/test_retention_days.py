"""pipeline/maintenance/retention_days.py: the days count that the owner has entered, and no others."""

from tests.pipeline.maintenance.aging import age, enter, keep, prune, twice
from tests.pipeline.shop import Shop


def test_nothing_goes_of_a_job_whose_days_nobody_has_entered(shop: Shop) -> None:
    twice(shop)
    age(shop, 1000)
    pruned = prune(shop, entered=False)
    assert pruned.gone == ()
    assert pruned.postponed == (
        f"{shop.job}: the database has no [retention] of it, so nothing of it goes. "
        "Run `scoring migrate` as the owner.",
    )
    assert prune(shop).gone


def test_a_job_file_that_was_changed_counts_once_it_is_entered(shop: Shop) -> None:
    old, _ = twice(shop)
    age(shop, 50)
    keep(shop, parts_days=1000, rejected_values_days=1000)
    enter(shop)
    keep(shop, superseded_days=2, parts_days=1000, rejected_values_days=1000)
    pruned = prune(shop, entered=False)
    assert (pruned.gone, shop.rows(old)) == ((), 100)
    assert "its file's [retention] is not what the database has" in pruned.postponed[0]
    assert [item.rows for item in prune(shop).gone] == [100]
