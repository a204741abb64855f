"""pipeline/serving/models/explaining.py: a row's reasons online are those of the night."""

from typing import Any

import pytest

from pipeline.reasons import anew
from tests.pipeline.serving.api import Api
from tests.pipeline.shop import Shop

ROW = {"entity_id": "new", "amount": 51.25, "visits": 7, "channel": "web", "member": True}
COLUMNS = ("amount", "visits", "channel", "member")
NUMBERS = ("contribution", "error")
REST = ("rank", "column_name", "value", "is_certain")


def rows_of(shop: Shop, *entities: str) -> list[dict[str, Any]]:
    """The rows of the warehouse, as a client would send them."""
    query = f"SELECT entity_id, {', '.join(COLUMNS)} FROM {shop.table} WHERE entity_id = ANY(:entities)"
    rows = shop.home.sql(query, "warehouse_owner", entities=list(entities))
    return [{**row, "amount": None if row["amount"] != row["amount"] else row["amount"]} for row in rows]


def test_a_row_that_a_night_explained_has_the_same_reasons(api: Api, published: Shop) -> None:
    run = published.home.last_run(published.job)["run_id"]
    entities = [f"customer-{number:05d}" for number in (0, 7, 42, 57, 99)]
    lines = api.score(published.job, rows_of(published, *entities), reasons=True)
    assert len(lines) == len(entities)
    for line in lines:
        night = anew.of_entity(published.home.workspace, run, line["entity_id"])
        assert night.equal is True
        online = line["reasons"]
        first = night.kept[0]
        assert [online["base"], online["others"]] == pytest.approx([first["base"], first["others"]], abs=1e-9)
        assert len(online["columns"]) == len(night.kept)
        for mine, theirs in zip(online["columns"], night.kept, strict=True):
            assert [mine[name] for name in REST] == [theirs[name] for name in REST]
            numbers = [theirs[name] for name in NUMBERS]
            assert [mine[name] for name in NUMBERS] == pytest.approx(numbers, abs=1e-9)


def test_a_row_that_is_rejected_has_none_and_nobody_gets_them_unasked(api: Api, published: Shop) -> None:
    broken = {**ROW, "channel": None}
    lines = api.score(published.job, [broken, ROW, broken], reasons=True)
    assert ["reasons" in line for line in lines] == [False, True, False]
    assert "reasons" not in api.score(published.job, [broken], reasons=True)[0]
    for more in ({}, {"reasons": False}, {"reasons": None}):
        assert "reasons" not in api.score(published.job, [ROW], **more)[0]


def test_what_is_too_much_or_no_flag_is_refused(api: Api, published: Shop) -> None:
    path = f"/v1/jobs/{published.job}/score"
    status, sentence = api.refusal("POST", path, json={"rows": [ROW] * 401, "reasons": True})
    assert (status, sentence) == (
        413,
        "401 rows in 8 orders are 3,208 walks, and one request has 3,200 at most (SCORING_API_WALKS). Send several.",
    )
    assert api.refusal("POST", path, json={"rows": [ROW], "reasons": 1}) == (
        422,
        "'reasons' is to be true or false.",
    )


def test_a_job_without_reasons_says_so(api: Api, published: Shop) -> None:
    job = published.home.job(f"SELECT * FROM {published.table}", "shop")
    api.until(lambda: api.client.get(f"/v2/models/{job}/ready").status_code == 200)
    row = {**ROW, "entity_id": "a"}
    status, sentence = api.refusal("POST", f"/v1/jobs/{job}/score", json={"rows": [row], "reasons": True})
    assert (status, "has no section [reasons]" in sentence) == (422, True)
    schema = api.get("/openapi.json")["paths"]
    of = {
        name: schema[f"/v1/jobs/{name}/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for name in (job, published.job)
    }
    assert "reasons" not in of[job]["properties"]
    assert "400 rows at most" in of[published.job]["properties"]["reasons"]["description"]
