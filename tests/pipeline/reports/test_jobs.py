"""pipeline/reports/jobs.py: a job's owner, next run and promise, as its file says; or why it cannot be used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.reports.jobs import JobFacts, read

JOB = """
description = "a test job"
owner = "ann"
schedule = "0 2 * * *"
timezone = "America/New_York"
start_date = 2024-01-01
{more}

[extract]
query = "any.sql"

[model]
name = "any"
{sections}
"""
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def facts(folder: Path, more: str = "", sections: str = "", paused: tuple[str, ...] = ()) -> JobFacts:
    """What is said of a job, with more keys or sections in its file."""
    (folder / "shop.toml").write_text(JOB.format(more=more, sections=sections))
    return read(folder, ["shop"], paused, NOW)["shop"]


def test_the_next_run_is_the_next_instant_of_the_schedule(tmp_path: Path) -> None:
    assert facts(tmp_path) == JobFacts("ann", datetime(2024, 3, 2, 7, tzinfo=UTC), False, "America/New_York")
    assert facts(tmp_path, paused=("shop",)).next_run is None
    assert facts(tmp_path, "end_date = 2024-03-01").next_run is None
    ahead = facts(tmp_path, "end_date = 2024-03-02")
    assert ahead.next_run == datetime(2024, 3, 2, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("promise", "words"),
    [('published_by = "07:00"', "published by 07:00"), ("within_hours = 4", "published within 4 h")],
)
def test_a_promise_is_said_in_words(tmp_path: Path, promise: str, words: str) -> None:
    assert facts(tmp_path, sections=f"[promise]\n{promise}").promise == words


def test_a_file_that_cannot_be_used_says_why_and_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    facts(tmp_path)
    (tmp_path / "broken.toml").write_text("owner = ")
    seen = read(tmp_path, None, (), NOW)
    assert seen.keys() == {"broken", "shop"}
    assert str(seen["broken"].error).startswith("broken.toml: not a TOML file")
    assert read(tmp_path, ["shop"], (), NOW).keys() == {"shop"}
    assert read(tmp_path / "nowhere", None, (), NOW) == {}
