"""pipeline/config/ready_section.py: a job that waits says for what, until when, and what follows."""

from pathlib import Path

import pytest

from pipeline.config.job import JobError
from tests.pipeline.config.job_files import MINIMAL, read

READY = '[ready]\nquery = "ready.sql"\n'


def test_a_job_that_does_not_ask_has_no_section(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL).ready is None


def test_a_run_waits_for_hours_or_until_the_promise_and_fails_unless_the_job_says_otherwise(
    tmp_path: Path,
) -> None:
    ready = read(tmp_path, f"{MINIMAL}{READY}wait_hours = 4").ready
    assert ready
    assert (ready.wait_hours, ready.on_timeout, ready.assets) == (4, "fail", ())
    promised = read(tmp_path, f'{MINIMAL}{READY}[promise]\npublished_by = "07:00"').ready
    assert promised
    assert promised.wait_hours is None


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("", r"key 'ready' = .*has no wait_hours, and the job no \[promise\] until which it could wait"),
        ("wait_hours = 0", "key 'ready.wait_hours' = 0: Input should be greater than 0"),
        ("wait_hours = 721", "key 'ready.wait_hours' = 721: Input should be less than or equal to 720"),
        (
            'wait_hours = 1\non_timeout = "publish"',
            "key 'ready.on_timeout' = 'publish': Input should be 'fail'",
        ),
        ('wait_hours = 1\nassets = "orders"', "key 'ready.assets' = 'orders'"),
        ('wait_hours = 1\nassets = ["orders", "orders"]', "key 'ready.assets' = .*names orders twice"),
        ('wait_hours = 1\nassets = [" orders"]', "key 'ready.assets' = ' orders'"),
        ("wait_hours = 1\nevery = 5", "key 'ready.every' is unknown. .*Known: query, wait_hours"),
    ],
)
def test_what_a_section_may_not_say_is_named(tmp_path: Path, keys: str, complaint: str) -> None:
    with pytest.raises(JobError, match=complaint):
        read(tmp_path, f"{MINIMAL}{READY}{keys}")


def test_the_query_lies_below_sql(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"key 'ready.query' = '../ready.sql': is not a .sql file inside sql/"):
        read(tmp_path, f'{MINIMAL}[ready]\nquery = "../ready.sql"\nwait_hours = 1')


def test_a_wrong_promise_is_complained_of_and_not_its_absence(tmp_path: Path) -> None:
    with pytest.raises(JobError) as refused:
        read(tmp_path, f'{MINIMAL}{READY}[promise]\npublished_by = "soon"')
    assert "promise.published_by" in str(refused.value)
    assert "wait_hours" not in str(refused.value)
