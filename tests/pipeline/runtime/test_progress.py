"""pipeline/runtime/progress.py: a long stage says how far it is, and a short one stays silent."""

import logging

import pytest

from pipeline.runtime.progress import EVERY_SECONDS, Progress

log = logging.getLogger("stage")


def test_it_says_rows_pace_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    times = iter((0.0, 1.0, EVERY_SECONDS, EVERY_SECONDS + 1, 2 * EVERY_SECONDS))
    with caplog.at_level(logging.INFO):
        progress = Progress(log, "part 3: scored", 40_000, lambda: next(times))
        for _ in range(4):
            progress.add(5000)
    assert caplog.messages == [
        "part 3: scored: 10,000 of 40,000 rows, 2000 rows/s, 15 s left",
        "part 3: scored: 20,000 of 40,000 rows, 2000 rows/s, 10 s left",
    ]


def test_it_promises_no_end_where_nobody_knows_the_end(caplog: pytest.LogCaptureFixture) -> None:
    times = iter((0.0, EVERY_SECONDS))
    with caplog.at_level(logging.INFO):
        Progress(log, "extracted", now=lambda: next(times)).add(1_000_000)
    assert caplog.messages == ["extracted: 1,000,000 rows, 200000 rows/s"]


def test_a_stage_without_rows_yet_makes_no_forecast(caplog: pytest.LogCaptureFixture) -> None:
    times = iter((0.0, EVERY_SECONDS))
    with caplog.at_level(logging.INFO):
        Progress(log, "scored", 10, lambda: next(times)).add(0)
    assert caplog.messages == []
