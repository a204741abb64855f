"""pipeline/extraction/shards.py: a night read over several connections is the same night, from one snapshot."""

from datetime import date

import pandas as pd
import pytest

from pipeline.databases import connections, warehouse
from pipeline.databases.queries import Query, Values, WarehouseError
from pipeline.extraction.shards import ExtractError
from tests.home import Home, shop_rows
from tests.pipeline.shop import Shop, open_shop

SHARD = "SELECT * FROM {table} WHERE abs(hashtext(entity_id) % :shards) = :shard ORDER BY entity_id"


@pytest.fixture
def shop(home: Home) -> Shop:
    return open_shop(home, shop_rows(500), extract="shards = 3")


def scores(shop: Shop) -> pd.DataFrame:
    return shop.predictions()[["entity_id", "score", "label"]]


def test_shards_together_are_the_night(shop: Shop) -> None:
    shop.query(SHARD)
    run = shop.extract()
    assert run.rows_extracted == 500
    assert len({part.number for part in run.parts}) == len(run.parts) > 3
    assert {part.number % 3 for part in run.parts} == {0, 1, 2}
    assert sum(counts["null"] for counts in run.features.values()) > 0
    shop.publish(run, shop.write(run))
    split = scores(shop)
    features = run.features
    shop.configure("shards = 3", "shards = 1")
    whole = shop.extract()
    shop.publish(whole, shop.write(whole))
    assert scores(shop).equals(split)
    assert whole.features == features


def test_a_night_in_one_process_may_be_split_too(shop: Shop) -> None:
    shop.query(SHARD)
    assert shop.home.score(shop.job).rows_scored == 500


def test_the_same_rows_make_the_same_parts_again(shop: Shop) -> None:
    shop.query(SHARD)
    assert shop.extract().parts == shop.extract().parts


@pytest.mark.parametrize(
    "lossy", ["hashtext(entity_id) % :shards = :shard", "nullif(hashtext(entity_id), 0) % :shards = :shard"]
)
def test_a_condition_that_loses_rows_is_found(shop: Shop, lossy: str) -> None:
    shop.query(f"SELECT * FROM {{table}} WHERE {lossy}")
    with pytest.raises(ExtractError, match=r"its 3 shards have \d+ rows together, and the whole has 500"):
        shop.extract()


def test_a_query_that_is_no_shard_is_refused(shop: Shop) -> None:
    with pytest.raises(
        ExtractError, match="does not name :shard and :shards, so that every shard would be the whole"
    ):
        shop.extract()


def test_all_shards_read_one_snapshot(shop: Shop) -> None:
    source = shop.home.workspace.warehouse
    values: Values = {"score_date": date(2024, 3, 1), "shard": 0, "shards": 1}
    query = SHARD.format(table=shop.table)
    with warehouse.shared_snapshot(source, "q.sql") as snapshot:
        shop.home.sql(f"DELETE FROM {shop.table}", "warehouse_owner")
        assert warehouse.count(source, Query(query, values, "q.sql")) == 0
        assert warehouse.count(source, Query(query, values, "q.sql"), snapshot) == 500


def test_only_postgres_can_be_split(home: Home) -> None:
    path = home.path / "w.db"
    path.touch()
    with (
        pytest.raises(WarehouseError, match=r"q\.sql: only Postgres .* Set extract\.shards = 1"),
        warehouse.shared_snapshot(connections.warehouse(f"sqlite:///{path}", "w"), "q.sql"),
    ):
        pass
