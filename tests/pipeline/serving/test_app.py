"""pipeline/serving/app.py: what a real process answers, route by route."""

from tests.home import NIGHT
from tests.pipeline.serving.api import Api
from tests.pipeline.shop import Shop

ROW = {"entity_id": "new", "amount": 51.25, "visits": 7, "channel": "web", "member": True}


def test_a_row_is_scored(api: Api, published: Shop) -> None:
    [line] = api.score(published.job, [ROW])
    print(line)
    assert line["entity_id"] == "new"
    one = api.get(f"/v1/jobs/{published.job}/predictions/customer-00004")
    print(one)
    print(api.get("/v1/jobs"))
    print(api.score(published.job, [{**ROW, "visits": "7"}, {**ROW, "visits": 7.5, "channel": None}, {"entity_id": 12}, {**ROW, "channel": 5, "entity_id": None, "amount": None}]))
    print(api.client.get("/metrics").text[-3000:])
    print(api.get(f"/v2/models/{published.job}"))
    doc = api.get("/openapi.json")
    print(list(doc["paths"]))
    print(api.log.read_text())
    assert NIGHT
    assert 0
