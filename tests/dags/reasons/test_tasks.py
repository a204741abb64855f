"""orchestration/reasons/tasks.py: reasons that fail are a failed task, a row and a count, and no failed run."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.reasons import tasks
from pipeline.reasons import tries
from tests.dags.aside.following import following
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def shop(home: Home) -> Shop:
    """A published night that is to be explained."""
    made = open_shop(home)
    path = home.path / "dags" / f"{made.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    home.score(made.job)
    return made


night = partial(following, "explain", places=3)


def kept(shop: Shop) -> dict[str, Any]:
    return shop.home.sql("SELECT * FROM scoring.explanations ORDER BY run_id DESC LIMIT 1")[0]


def test_json_goes_from_one_to_the_next_and_analysts_see_reasons(shop: Shop) -> None:
    job, run = shop.home.read(shop.job), {"run_id": shop.runs()[-1]["run_id"]}
    parts = json.loads(json.dumps(tasks.begin(job, night({}), run)))
    done = [json.loads(json.dumps(tasks.explain(night({}), part))) for part in parts]
    tasks.end(job, night({"begin_reasons": parts, "explain": done}))
    assert (kept(shop)["status"], kept(shop)["explained"]) == ("explained", 100)
    seen = shop.home.sql(
        "SELECT DISTINCT entity_id FROM scoring.prediction_reasons WHERE job = :job", "analyst", job=job.name
    )
    assert len(seen) == 100
    with pytest.raises(AirflowSkipException, match="has its reasons"):
        tasks.begin(job, night({}), run)


def test_a_part_that_fails_or_is_killed_is_noted_and_the_run_stays(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    job, run = shop.home.read(shop.job), {"run_id": shop.runs()[-1]["run_id"]}
    min(Path(shop.home.store).rglob("part-*.parquet")).write_bytes(b"")
    parts = tasks.begin(job, night({}), run)
    failing = night({"begin_reasons": parts})
    with pytest.raises(AirflowFailException, match="PartError: part .* is not what was written"):
        tasks.explain(failing, parts[0])
    tasks.end(job, failing)
    assert kept(shop)["status"] == "failed"
    assert "PartError" in kept(shop)["reason"]

    parts = tasks.begin(job, night({}), run)  # a second try of the same
    tasks.end(job, night({"begin_reasons": parts}))
    assert (kept(shop)["status"], kept(shop)["reason"]) == ("failed", tries.KILLED)
    with pytest.raises(AirflowSkipException, match="no reasons were begun"):
        tasks.end(job, night({}))
    assert shop.status(run["run_id"]) == "published"


def test_a_job_without_the_section_is_let_be(shop: Shop) -> None:
    other = shop.home.read(shop.job).model_copy(update={"reasons": None})
    with pytest.raises(AirflowSkipException, match=r"has no section \[reasons\]"):
        tasks.begin(other, night({}), {"run_id": 1})
