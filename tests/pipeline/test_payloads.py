"""pipeline/payloads.py: values that Airflow carries as JSON come back as they were, and nothing unknown with them."""

import json
from datetime import date

import pytest
from pydantic import ValidationError

from pipeline.payloads import Cost, Deployment, Finding, Part, PartTask, Run, RunRequest, Verdict

COST = Cost(seconds=1.5, peak_mb=100)
PART = Part(number=0, rows=2, size=10, sha256="a" * 64)
DEPLOYED = Deployment(code_version="c", pipeline_version="0.1.0", job_sha256="d" * 64, query_sha256="e" * 64)
RUN = Run(
    run_id=7, job="job", score_date=date(2024, 3, 1), dry_run=False, model_name="m", model_version=1,
    model_sha256="b" * 64, deployment=DEPLOYED, parts=(PART,), rows_extracted=3, rows_rejected=1,
    features={"x": {"nulls": 0.5}}, forecast={}, cost=COST,
)  # fmt: skip


def test_a_value_comes_back_from_json_as_it_was() -> None:
    value = json.loads(json.dumps(RUN.json_value()))
    assert value["score_date"] == "2024-03-01"
    assert Run.read(value) == RUN


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Run.read({**RUN.json_value(), "rows": 3})
    with pytest.raises(ValidationError, match="frozen"):
        RUN.job = "other"


def test_a_part_is_scored_with_the_model_that_its_run_was_pinned_to() -> None:
    task = RUN.work(PART)
    assert task == PartTask(
        run_id=7, job="job", score_date=date(2024, 3, 1), model_name="m", model_version=1,
        model_sha256="b" * 64, deployment=DEPLOYED, part=PART,
    )  # fmt: skip


def test_a_version_is_named_by_a_person_or_by_a_fallback() -> None:
    assert not RunRequest(trigger="one").model_named
    assert RunRequest(trigger="one", model_version=1).model_named
    assert RunRequest(trigger="one", served_by="champion_previous").model_named


def test_only_a_finding_that_holds_keeps_a_run_from_being_published() -> None:
    warn = Finding(check="drift", action="warn", message="unusual")
    assert Verdict(findings=(warn,), rows_scored=1).passed
    verdict = Verdict(findings=(warn, Finding(check="rows", action="hold", message="few")), rows_scored=1)
    assert (verdict.passed, verdict.reasons) == (False, ("few",))
