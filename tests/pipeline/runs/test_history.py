"""pipeline/runs/history.py: what people read of runs."""

import pytest

from pipeline.runs import history
from pipeline.runs.ledger import LedgerError
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    return open_shop(home)


def test_show_tells_all_of_a_run(shop: Shop) -> None:
    shop.change("channel = NULL", "entity_id IN ('customer-00001', 'customer-00041')")
    done = shop.home.score(shop.job)
    seen = history.show(shop.home.workspace.predictions, done.run_id)
    assert (seen["job"], seen["status"], seen["rows_scored"]) == (shop.job, "published", 98)
    assert [
        (line["rows_extracted"], line["rows_rejected"], line["rows_scored"]) for line in seen["ledger"]
    ] == [
        (40, 1, 39),
        (40, 1, 39),
        (20, 0, 20),
    ]
    assert seen["rejected"] == [{"column_name": "channel", "rule": "null", "rows": 2}]
    assert {"metric": "rows_scored", "value": 98.0} in seen["metrics"]
    assert {"feature": "channel", "metric": "null", "value": 2.0} in seen["features"]


def test_show_of_a_run_that_is_not_there_says_how_to_find_one(shop: Shop) -> None:
    with pytest.raises(LedgerError, match=r"no run 999999999\. `scoring runs` lists them"):
        history.show(shop.home.workspace.predictions, 999_999_999)


def test_runs_are_listed_newest_first(shop: Shop) -> None:
    made = [shop.extract().run_id for _ in range(3)]
    uri = shop.home.workspace.predictions
    assert [run["run_id"] for run in history.runs(uri, shop.job)] == made[::-1]
    assert [run["run_id"] for run in history.runs(uri, shop.job, limit=1)] == made[-1:]
    assert history.runs(uri, "no_such_job") == []
    assert {run["run_id"] for run in history.runs(uri, limit=1000)} >= set(made)
