"""pipeline/serving/requests/schemas.py: a row's columns, as the document has them."""

from tests.pipeline.serving.api import Api
from tests.pipeline.shop import Shop


def test_each_column_says_what_training_saw_and_what_rejects_a_row(api: Api, published: Shop) -> None:
    row = api.get("/openapi.json")["components"]["schemas"][f"{published.job}_row"]
    assert list(row["properties"]) == ["entity_id", "amount", "visits", "channel", "member"]
    assert row["properties"]["visits"]["type"] == "integer"
    assert row["properties"]["amount"]["type"] == ["number", "null"]
    assert "training saw phone, shop, web" in row["properties"]["channel"]["description"]
