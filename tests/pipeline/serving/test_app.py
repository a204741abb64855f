"""pipeline/serving/app.py: what a real process answers, route by route."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.home import NIGHT, shop_model
from tests.pipeline.serving.api import Api, token
from tests.pipeline.shop import Shop

ROW = {"entity_id": "new", "amount": 51.25, "visits": 7, "channel": "web", "member": True}


def test_a_row_is_scored_by_the_pinned_model(api: Api, published: Shop) -> None:
    document = api.client.post(f"/v1/jobs/{published.job}/score", json={"rows": [ROW]}).json()
    pin = published.home.sql(
        "SELECT model_sha256 FROM scoring.scoring_runs WHERE job = :job", job=published.job
    )
    assert document["model"] == {"name": "shop", "version": 1, "sha256": pin[0]["model_sha256"]}
    [line] = document["rows"]
    assert line["entity_id"] == "new"
    assert 0 < line["score"] < 1
    assert line["label"] in ("true", "false")


def test_rows_that_break_the_contract_say_so_in_the_words_of_a_night(api: Api, published: Shop) -> None:
    rows = [{**ROW, "visits": "7"}, {**ROW, "visits": 7.5, "channel": None}, {"entity_id": 12}, ROW,
            {**ROW, "channel": 5, "entity_id": None, "amount": None}]  # fmt: skip
    lines = api.score(published.job, rows)
    broken = [
        [(reason["column_name"], reason["rule"], reason["value"]) for reason in line.get("rejected", ())]
        for line in lines
    ]
    assert broken == [
        [("visits", "type", '"7"')],
        [("visits", "type", "7.5"), ("channel", "null", None)],
        [("visits", "null", None), ("channel", "null", None), ("member", "null", None)],
        [],
        [("entity_id", "null", None), ("channel", "type", "5")],
    ]
    assert [line["entity_id"] for line in lines] == ["new", "new", "12", "new", None]
    assert lines[3]["score"] == api.score(published.job, [ROW])[0]["score"]


def test_a_published_score_is_looked_up(api: Api, published: Shop) -> None:
    seen = published.predictions().set_index("entity_id")
    path = f"/v1/jobs/{published.job}/predictions"
    row = api.get(f"{path}/customer-00004")
    assert row["score"] == seen["score"]["customer-00004"]
    assert (row["score_date"], row["served_by"], row["staleness_days"]) == (str(NIGHT), "model", 0)
    assert row["run_id"] == seen["run_id"]["customer-00004"]
    assert row["model"]["version"] == 1
    assert api.get(f"{path}/customer-00004", params={"score_date": str(NIGHT)}) == row
    wanted = ["customer-00005", "nobody", "customer-00004", "a\0b"]
    many = api.client.post(f"{path}:lookup", json={"entity_ids": wanted}).json()
    assert [each["entity_id"] for each in many["predictions"]] == ["customer-00005", "customer-00004"]
    assert many["predictions"][1] == row
    assert many["missing"] == ["nobody", "a\0b"]
    status, sentence = api.refusal("POST", f"{path}:lookup", json={"entity_ids": [7]})
    assert (status, "a list of entities" in sentence) == (422, True)
    assert api.refusal("GET", f"{path}/no/body") == (
        404,
        f"No published score of {published.job} {NIGHT} is that of entity 'no/body'.",
    )
    status, sentence = api.refusal("GET", f"{path}/customer-00004?score_date=tomorrow")
    assert (status, sentence) == (
        422,
        "score_date = 'tomorrow' is no date from 1970-01-01 to 2199-12-31: YYYY-MM-DD.",
    )
    assert api.refusal("GET", f"{path}/customer-00004?score_date=2024-03-02")[0] == 404


def test_nothing_is_answered_without_a_token_that_is_good_for_it(api: Api, published: Shop) -> None:
    score = f"/v1/jobs/{published.job}/score"
    for path in ("/v1/jobs", score, "/openapi.json", "/v2", f"/v2/models/{published.job}"):
        method = "POST" if path == score else "GET"
        for header in ("", "Bearer", "Bearer wrong", f"Basic {token(published.home)}"):
            status, sentence = api.refusal(method, path, headers={"Authorization": header})
            assert (status, "scoring tokens add" in sentence) == (401, True)
    for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
        assert api.client.get(path, headers={"Authorization": ""}).status_code == 200
    other = token(published.home, "other", "another_job")
    api.until(lambda: api.client.get("/v2", headers={"Authorization": f"Bearer {other}"}).status_code == 200)
    with_other = {"Authorization": f"Bearer {other}"}
    assert api.refusal("POST", score, json={"rows": [ROW]}, headers=with_other)[0] == 403
    assert api.get("/v1/jobs", headers=with_other)["jobs"] == []


REFUSED = {
    "no JSON": (b"{", 400, "The body is no JSON: Expecting property name"),
    "NaN": (b'{"rows": [{"entity_id": "a", "visits": NaN}]}', 400, "NaN is no number of JSON"),
    "a key twice": (b'{"rows": [], "rows": []}', 400, "has the key 'rows' twice"),
    "nested": (b"[" * 100_000, 400, "nested too deeply"),
    "bytes": (b'{"rows": ["\xff"]}', 400, "is no UTF-8"),
    "a list": (b"[]", 422, "a list of rows"),
    "no rows": (b'{"rows": []}', 422, "a list of rows"),
    "no object": (b'{"rows": [1]}', 422, "rows[0] is no object"),
    "another column": (b'{"rows": [{"visit": 1}]}', 422, "Did you mean 'visits'?"),
    "too many": (b'{"rows": [' + b"{}," * 1000 + b"{}]}", 413, "1,001 rows came"),
    "too large": (b" " * 4_000_001, 413, "more than 4,000,000 bytes"),
    "a date": (b'{"rows": [{"entity_id": "a"}], "score_date": 20240301}', 422, "is no date"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_words(api: Api, published: Shop, case: str) -> None:
    content, status, sentence = REFUSED[case]
    headers = {"Content-Type": "application/json"}
    refused = api.refusal("POST", f"/v1/jobs/{published.job}/score", content=content, headers=headers)
    assert refused[0] == status
    assert sentence in refused[1]


def test_other_ways_to_ask_are_refused_too(api: Api, published: Shop) -> None:
    path = f"/v1/jobs/{published.job}/score"
    assert api.refusal("POST", path, content=b"{}", headers={"Content-Type": "text/csv"})[0] == 415
    assert api.refusal("POST", path, content=b"{}", headers={"Content-Encoding": "gzip"})[0] == 415
    assert api.refusal("GET", path)[0] == 405
    assert api.refusal("GET", "/v3")[0] == 404
    assert api.refusal("POST", "/v1/jobs/nobody/score", json={}) == (404, "No job of that name is served.")


def test_rows_that_come_together_are_scored_together_and_each_gets_its_own(api: Api, published: Shop) -> None:
    rows = [{**ROW, "entity_id": str(number), "visits": number % 20} for number in range(64)]
    alone = api.score(published.job, rows)
    with ThreadPoolExecutor(16) as threads:
        each = list(threads.map(lambda row: api.score(published.job, [row])[0], rows))
    assert [line["entity_id"] for line in each] == [row["entity_id"] for row in rows]
    assert [line["score"] for line in each] == pytest.approx([line["score"] for line in alone], rel=1e-12)


def test_the_document_names_each_job_and_its_examples_are_taken(api: Api, published: Shop) -> None:
    document = api.get("/openapi.json")
    row = document["components"]["schemas"][f"{published.job}_row"]["properties"]
    assert list(row) == ["entity_id", "amount", "visits", "channel", "member"]
    assert row["amount"]["type"] == ["number", "null"]
    assert "training saw phone, shop, web" in row["channel"]["description"]
    tried = 0
    for path, operations in document["paths"].items():
        assert "{job}" not in path
        if "post" in operations:
            example = operations["post"]["requestBody"]["content"]["application/json"]["example"]
            answered = api.client.post(path, json=example)
            assert answered.status_code == 200, answered.text
            assert "rejected" not in json.dumps(answered.json().get("rows", ""))
            tried += 1
    assert tried == 3


def test_a_protocol_of_others_gets_the_same_scores(api: Api, published: Shop) -> None:
    model = api.get(f"/v2/models/{published.job}")
    assert [(each["name"], each["datatype"]) for each in model["inputs"]][2] == ("visits", "INT64")
    names = ["amount", "visits", "channel", "member"]
    rows = [ROW, {**ROW, "channel": None}]
    inputs = [
        {"name": name, "shape": [2, 1], "datatype": "BYTES", "data": [[row[name]] for row in rows]}
        for name in names
    ]
    path = f"/v2/models/{published.job}/infer"
    answered = api.client.post(path, json={"id": "7", "inputs": inputs}).json()
    outputs = {each["name"]: each["data"] for each in answered["outputs"]}
    assert answered["id"] == "7"
    assert outputs["score"] == [api.score(published.job, [ROW])[0]["score"], None]
    assert outputs["rejected"] == ["", "channel null"]
    inputs[0]["shape"] = [3]
    assert api.refusal("POST", path, json={"inputs": inputs})[0] == 422
    assert api.refusal("POST", path, json={"inputs": inputs[1:] + inputs[1:2]})[0] == 422
    assert api.get(f"{path.removesuffix('infer')}ready?version=7")["version"] == "1", (
        "a version is in the path"
    )
    assert api.get(f"/v2/models/{published.job}/versions/1/ready")["ready"] is True
    assert api.refusal("GET", f"/v2/models/{published.job}/versions/2")[0] == 404


def test_neither_a_log_nor_a_figure_holds_a_value_or_a_token(api: Api, published: Shop) -> None:
    secret = "customer-of-weight"
    api.score(published.job, [{**ROW, "entity_id": secret, "channel": secret}])
    api.client.get(f"/v1/jobs/{published.job}/predictions/{secret}")
    api.client.post(f"/v1/jobs/{published.job}/score", content=f'["{secret}"'.encode())
    figures = api.client.get("/metrics").text
    log = api.log.read_text()
    assert f'scoring_api_rows_total{{answer="scored",job="{published.job}"}}' in figures
    assert 'route="/v1/jobs/{job}/predictions/{entity_id:path}",status="404"' in figures
    assert "POST /v1/jobs/{job}/score 400" in log
    for text in (log, figures):
        assert secret not in text
        assert "scoring_" + api.client.headers["Authorization"][-20:] not in text
        assert api.client.headers["Authorization"].partition(" ")[2] not in text


def test_a_new_pin_is_picked_up_and_no_request_is_lost_meanwhile(api: Api, published: Shop) -> None:
    before = api.score(published.job, [ROW])[0]["score"]
    published.home.model("shop", *shop_model(seed=1))
    versions = set()

    def moved() -> bool:
        document = api.client.post(f"/v1/jobs/{published.job}/score", json={"rows": [ROW]})
        assert document.status_code == 200
        versions.add((document.json()["model"]["version"], document.json()["rows"][0]["score"]))
        return bool(document.json()["model"]["version"] == 2)

    api.until(moved)
    assert len(versions) == 2, "each version gives its own score, and no other"
    assert (1, before) in versions
