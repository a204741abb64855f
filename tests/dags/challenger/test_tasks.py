"""orchestration/challenger/tasks.py: a challenger that fails is a failed task, a row and a count, and no failed run."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from sklearn.dummy import DummyClassifier

from orchestration.challenger import tasks
from pipeline.challenger import tries
from pipeline.config.job import Job
from tests.dags.aside.following import following
from tests.dags.test_publish import context
from tests.home import NIGHT, Home, shop_model, shop_rows
from tests.pipeline.challenger.nights import challenged
from tests.pipeline.evaluation.shop import bought, look, name_outcomes, opened
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["web"]


@pytest.fixture
def shop(home: Home, web: Web, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A published night with outcomes, and a useless challenger that has not scored it."""
    connection = {"conn_type": "apprise", "extra": {"config": {"path": web.url}}}
    monkeypatch.setenv("AIRFLOW_CONN_CHALLENGED", json.dumps(connection))
    made = opened(home, shop_rows())
    _, reference = shop_model()
    dummy = DummyClassifier(strategy="prior").fit(reference.drop(columns="bought"), reference["bought"])
    home.model("shop", dummy, reference, outcome="bought", alias="challenger")
    name_outcomes(made, bought(shop_rows()), keys='[alerts]\nto = "challenged"\n\n[challenger]')
    return made


night = partial(following, "challenge")


def kept(shop: Shop) -> dict[str, Any]:
    query = "SELECT * FROM scoring.challenger_quality WHERE job = :job ORDER BY score_date DESC LIMIT 1"
    return shop.home.sql(query, "analyst", job=shop.job)[0]


def test_json_goes_from_one_to_the_next_and_a_verdict_is_told_once(shop: Shop, web: Web) -> None:
    job, run = shop.home.read(shop.job), {"run_id": shop.runs()[-1]["run_id"]}
    work = json.loads(json.dumps(tasks.begin(job, night({}), run)))
    done = json.loads(json.dumps(tasks.challenge(job, night({}), work)))
    tasks.end(job, night({"begin_challenge": work, "challenge": done}))
    assert (kept(shop)["status"], kept(shop)["challenger_version"]) == ("scored", 2)
    with pytest.raises(AirflowSkipException, match="was scored by shop version 2 before"):
        tasks.begin(job, night({}), run)

    assert tasks.measure(job, context(), look(shop))
    assert (kept(shop)["verdict"], web.got) == ("undecided", [])
    challenged(shop, [-0.1] * 12, first=-13)
    for _ in range(2):
        assert tasks.measure(job, context(), look(shop))
    assert kept(shop)["verdict"] == "worse"
    [posted] = web.got
    assert posted["title"] == f"{shop.job} {NIGHT}: the challenger is worse than what is published"
    assert f"/scoring/dags/{shop.job}/reports/{run['run_id']}" in posted["message"]


def test_one_that_fails_or_is_killed_is_noted_and_tells_nobody(
    shop: Shop, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    job, run = shop.home.read(shop.job), {"run_id": shop.runs()[-1]["run_id"]}
    part = min(Path(shop.home.store).rglob("part-*.parquet"))
    part.write_bytes(b"")
    work = tasks.begin(job, night({}), run)
    failing = night({"begin_challenge": work})
    with pytest.raises(AirflowFailException, match="PartError: part .* is not what was written"):
        tasks.challenge(job, failing, work)
    tasks.end(job, failing)
    assert kept(shop)["status"] == "failed"
    assert "PartError" in kept(shop)["reason"]

    work = tasks.begin(job, night({}), run)  # a second try of the same
    tasks.end(job, night({"begin_challenge": work}))
    assert (kept(shop)["status"], kept(shop)["reason"]) == ("failed", tries.KILLED)
    with pytest.raises(AirflowSkipException, match="no challenger has begun"):
        tasks.end(job, night({}))
    assert web.got == []
    assert shop.status(run["run_id"]) == "published"


def test_a_job_without_the_section_is_let_be(shop: Shop) -> None:
    other: Job = shop.home.read(shop.job).model_copy(update={"challenger": None})
    with pytest.raises(AirflowSkipException, match=r"has no section \[challenger\]"):
        tasks.begin(other, night({}), {"run_id": 1})
