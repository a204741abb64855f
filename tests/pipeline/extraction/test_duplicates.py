"""Entities that come more than once are found before any row, and all their rows rejected."""

from pathlib import Path

import pytest

from pipeline.contract.contract import ContractError
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from pipeline.extraction import duplicates
from pipeline.extraction.duplicates import DoubledError
from pipeline.runs.publications import PublishError
from tests.home import Home, shop_rows
from tests.pipeline.extraction.test_shards import SHARD
from tests.pipeline.shop import Shop, open_shop
from tests.scenarios.test_sources import on_sqlite


@pytest.fixture
def shop(home: Home) -> Shop:
    """A night of 200 rows, five of which name another's entity: three times 00003, three times 00150, and a null."""
    rows = shop_rows(200)
    rows.loc[[50, 120], "entity_id"] = "customer-00003"
    rows.loc[[10, 199], "entity_id"] = "customer-00150"
    rows.loc[20, "entity_id"] = None
    return open_shop(home, rows, extract='[contract]\nunique = "reject"')


def rejected(shop: Shop, run_id: int) -> list[tuple[str, str]]:
    """The rules by which a run's rows were rejected, with their entities."""
    query = (
        "SELECT entity_id, rule FROM scoring.rejected_rows WHERE run_id = :run_id ORDER BY entity_id, rule"
    )
    return [(row["entity_id"], row["rule"]) for row in shop.home.sql(query, run_id=run_id)]


EXPECTED = [("customer-00003", "unique")] * 3 + [("customer-00150", "unique")] * 3 + [(None, "null")]


def test_every_row_of_a_doubled_entity_is_rejected_and_listed(shop: Shop) -> None:
    shop.configure("min_rows = 1", "max_rejected_fraction = 0.1")
    done = shop.home.score(shop.job)
    assert (done.rows_scored, done.rows_rejected) == (193, 7)
    assert rejected(shop, done.run_id) == EXPECTED
    assert not {"customer-00003", "customer-00150"} & set(shop.predictions()["entity_id"])


def test_shards_find_doubles_of_one_another(shop: Shop) -> None:
    shop.configure("rows_per_part = 40", "rows_per_part = 40\nshards = 3")
    # The rows of an entity are spread over all the shards.
    shop.query("SELECT * FROM {table} WHERE abs(hashtext(amount::text || visits) % :shards) = :shard")
    shop.change("amount = 1 + visits", "amount IS NULL")
    run = shop.extract()
    assert rejected(shop, run.run_id) == EXPECTED
    numbers = shop.home.sql("SELECT row_number FROM scoring.rejected_rows WHERE run_id = :id", id=run.run_id)
    assert len({row["row_number"] for row in numbers}) == 7
    assert shop.extract().parts == run.parts


def test_the_night_is_refused_unless_the_job_says_otherwise(shop: Shop) -> None:
    shop.configure('unique = "reject"', 'unique = "refuse"')
    with pytest.raises(
        PublishError, match="entities doubled: entity customer-00003: 3 rows; entity customer-00150: 3 rows"
    ):
        shop.home.score(shop.job)


def test_a_shard_of_doubles_is_found_whole(shop: Shop) -> None:
    shop.configure("rows_per_part = 40", "rows_per_part = 40\nshards = 2")
    shop.query(SHARD.replace("entity_id)", "coalesce(entity_id, ''))"))
    assert rejected(shop, shop.extract().run_id) == EXPECTED


def test_a_query_that_doubles_everything_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_ROWS", 5)
    complaint = (
        r"job_\d+\.sql: more than 5 rows share their entity_id with another row, such as 'customer-00\d+'"
    )
    with pytest.raises(DoubledError, match=complaint):
        shop.extract()


def test_a_query_without_entities_is_refused_as_any_other(shop: Shop) -> None:
    shop.query("SELECT entity_id AS entity, amount, visits, channel, member FROM {table}")
    with pytest.raises(
        ContractError, match=r"column 'entity_id' is missing \(the query has 'entity': rename it\)"
    ):
        shop.extract()


def test_what_the_database_takes_for_the_same_is_counted_again(tmp_path: Path) -> None:
    source = on_sqlite(tmp_path)
    source.run("CREATE TABLE t (entity_id TEXT COLLATE NOCASE)")
    source.run("INSERT INTO t VALUES ('a'), ('A'), ('b'), ('b'), ('B'), ('c'), (NULL), (NULL)")
    assert duplicates.find(source.address, Query("SELECT * FROM t; -- all", {}, "q.sql")).to_pylist() == ["b"]


def test_integers_are_doubled_as_they_are_written(server: Embedded) -> None:
    query = "SELECT * FROM (VALUES (1), (2), (1)) AS night (entity_id)"
    assert duplicates.find(server.connections["warehouse"], Query(query, {}, "q.sql")).to_pylist() == ["1"]
