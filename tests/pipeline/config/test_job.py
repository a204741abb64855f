"""A job is one frozen object with the values of its file and defaults; keys that contradict each other are refused."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tests.pipeline.config.job_files import MINIMAL, read, refused


def test_a_job_has_the_values_of_its_file_and_else_the_defaults(tmp_path: Path) -> None:
    job = read(tmp_path, MINIMAL)
    assert (job.name, job.schedule, job.start_date) == ("night", "0 2 * * *", date(2024, 1, 1))
    assert (job.timezone, job.zone, job.end_date, job.catchup) == ("UTC", ZoneInfo("UTC"), None, False)
    assert (job.days_back, job.retries, job.max_active_runs) == (0, 3, 1)
    assert (job.extract.connection, job.extract.query, job.write.connection) == (
        "warehouse",
        "n.sql",
        "predictions",
    )
    assert (job.model.name, job.model.alias) == ("m", "champion")
    assert (job.contract.overrides, job.contract.unique, job.contract.keep_values) == ({}, "refuse", True)
    assert (job.slices, job.outcomes) == ((), None)
    assert (job.gate.min_rows, job.gate.max_rejected_fraction, job.gate.on_empty) == (1, 0.05, "fail")


def test_a_job_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read(tmp_path, MINIMAL).retries = 4


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "retries = 3",
            "retries = 3\ndays_back = 2",
            r"key 'outcomes' = .*: delay_days = 2 must be more than days_back \(2\): no score is there before",
        ),
        ("retries = 3", "retries = -1", "key 'retries' = -1"),
        (
            "delay_days = 2",
            "quality_alarm_rate = 0\ndelay_days = 2",
            "key 'outcomes.quality_alarm_rate' = 0: .*greater",
        ),
        ("2013-12-31", "2013-06-30", "key 'end_date' = .*: is before start_date .2013-07-01."),
        ("catchup = false", 'catchup = "no"', "key 'catchup' = 'no': Input should be a valid boolean"),
        ("retries = 3", 'retries = "3"', "key 'retries' = '3': Input should be a valid integer"),
        ("retries = 3", "retries = true", "key 'retries' = True: Input should be a valid integer"),
        ("retries = 3", f"retries = {10**18}", "key 'retries' = 10{18}: Input should be less than"),
        ("retries", "retry_delay_seconds = 100000000\nretries", "key 'retry_delay_seconds' = 100000000"),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "weight"]',
            "business reads a table with a column 'weight' of its own, .* under another name",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "Score"]',
            "business reads a table with a column 'score' of its own, .* Take 'Score' out of slices",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = ["carrier", "Carrier"]',
            "business reads slices in lower case, where two of these are the same",
        ),
        (
            'slices = ["carrier", "origin"]',
            "slices = [1]",
            "key 'slices' = 1: Input should be a valid string. It is: list of feat",
        ),
        (
            'slices = ["carrier", "origin"]',
            'slices = "carrier"',
            "key 'slices' = 'carrier': Input .* It is: list of features",
        ),
    ],
)
def test_a_wrong_value_or_a_contradiction_is_named(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    refused(tmp_path, old, new, complaint)
