"""pipeline/serving/published/stored.py: a published row comes with the reasons that are kept of it, where asked for."""

from tests.home import NIGHT
from tests.pipeline.serving.api import Api
from tests.pipeline.shop import Shop

SHOWN = ("rank", "column_name", "value", "contribution", "error", "is_certain")


def test_a_published_row_has_its_reasons_where_they_are_asked_for(api: Api, published: Shop) -> None:
    path = f"/v1/jobs/{published.job}/predictions"
    kept = published.home.sql(
        "SELECT * FROM scoring.prediction_reasons WHERE job = :job AND entity_id = :entity ORDER BY rank",
        "analyst",
        job=published.job,
        entity="customer-00004",
    )
    row = api.get(f"{path}/customer-00004", params={"reasons": "true"})
    assert row["reasons"] == {
        "base": kept[0]["base"],
        "others": kept[0]["others"],
        "columns": [{name: each[name] for name in SHOWN} for each in kept],
    }
    assert api.get(f"{path}/customer-00004", params={"reasons": "false", "score_date": str(NIGHT)}) == {
        name: value for name, value in row.items() if name != "reasons"
    }
    wanted = {"entity_ids": ["customer-00004", "customer-00005"], "reasons": True}
    many = api.client.post(f"{path}:lookup", json=wanted).json()["predictions"]
    assert many[0] == row
    assert many[1]["reasons"]["columns"]
    assert (
        api.client.post(f"{path}:lookup", json={"entity_ids": ["nobody"], "reasons": True}).status_code == 200
    )
    status, sentence = api.refusal("GET", f"{path}/customer-00004?reasons=yes")
    assert (status, sentence) == (422, "reasons = 'yes' is to be true or false.")


def test_a_row_without_reasons_has_null(api: Api, published: Shop) -> None:
    entity = "customer-00011"
    run = published.home.last_run(published.job)["run_id"]
    published.home.sql(
        "DELETE FROM scoring.reasons WHERE run_id = :run AND entity_id = :entity", run=run, entity=entity
    )
    row = api.get(f"/v1/jobs/{published.job}/predictions/{entity}", params={"reasons": "true"})
    assert row["reasons"] is None
