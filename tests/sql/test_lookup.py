"""A look-up of one entity reads a small share of a large night."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from tests.home import NIGHT, Home
from tests.pipeline.shop import open_shop

ROWS = 100_000


def test_a_look_up_reads_a_small_share_of_the_night(home: Home) -> None:
    shop = open_shop(home)
    shop.query(
        "SELECT 'customer-' || md5(CAST(n AS text)) AS entity_id, amount, n % 20 AS visits, channel, member "
        f"FROM {{table}} CROSS JOIN generate_series(1, {ROWS}) AS n WHERE entity_id = 'customer-00001'"
    )
    shop.home.score(shop.job)
    look_up = """
        EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM scoring.predictions
        WHERE job = :job AND score_date = :day AND entity_id = 'customer-' || md5('777')
    """
    with postgres.engine(home.server.connections["analyst"]).begin() as session:
        matches = session.execute(sa.text(look_up), {"job": shop.job, "day": NIGHT}).scalar_one()
    plan = matches[0]["Plan"]
    assert plan["Actual Rows"] == 1
    assert {node["Index Name"] for node in nodes(plan) if node["Node Type"] == "Bitmap Index Scan"}
    assert sum(node.get("Rows Removed by Index Recheck", 0) for node in nodes(plan)) < ROWS / 20


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
