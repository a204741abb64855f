"""orchestration/reasons/tasks.py: reasons that fail are a failed task, a row and a count, and no failed run."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.reasons import tasks
from pipeline.reasons import tries
from tests.dags.test_publish import context
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop


class Instance(SimpleNamespace):
    """A task instance whose values others pull."""

    values: dict[tuple[str, str], Any]

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value of the task `explain`, as Airflow carries it."""
        self.values["explain", key] = [json.loads(json.dumps(value)), None, None]

    def xcom_pull(
        self, task_ids: str, key: str = "return_value", map_indexes: Iterable[int] | None = None
    ) -> Any:
        """What a task has left; of a mapped one a list, with None where it left nothing."""
        value = self.values.get((task_ids, key))
        return value if map_indexes is None else value or [None for _ in map_indexes]


@pytest.fixture
def shop(home: Home) -> Shop:
    """A published night that is to be explained."""
    made = open_shop(home)
    path = home.path / "dags" / f"{made.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    home.score(made.job)
    return made


def night(values: dict[str, Any], *, tried: int = 1) -> dict[str, Any]:
    """The context of a task that follows on others."""
    given = context()
    left = {(task, "return_value"): value for task, value in values.items()}
    given["ti"] = Instance(values=left, try_number=tried, max_tries=1, log_url=given["ti"].log_url)
    return given


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
