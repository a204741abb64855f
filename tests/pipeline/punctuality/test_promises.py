"""pipeline/punctuality/promises.py: from when on a job owes, and until when."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.punctuality.promises import look_at
from tests.home import Home
from tests.pipeline.punctuality.promising import Promising
from tests.sinks import Web, web

__all__ = ["web"]

DAY = date(2024, 3, 12)
SEVEN = datetime(2024, 3, 12, 7, 0, 1, tzinfo=UTC)


@pytest.fixture
def job(home: Home, web: Web) -> Promising:
    """A job that is watched since the day before."""
    promised = Promising(home, web)
    promised.look(SEVEN - timedelta(hours=20))
    return promised


def test_a_promise_that_is_taken_out_of_the_file_is_withdrawn(job: Promising) -> None:
    job.look(SEVEN)
    job.file.write_text(job.file.read_text().partition("[promise]")[0])
    assert job.look(SEVEN + timedelta(hours=1)).late == ()
    assert job.status(DAY) == "withdrawn"
    assert len(job.titles()) == 1
    # It is back, and so is what was never published.
    job.mend()
    job.look(SEVEN + timedelta(days=3))
    assert job.titles() == [f"{DAY}: missing: no run has begun"] * 2


def test_catchup_owes_from_the_start(home: Home, web: Web) -> None:
    job = Promising(home, web, more="catchup = true")
    job.file.write_text(job.file.read_text().replace("2020-01-01", "2024-03-10"))
    late = job.look(SEVEN).late
    assert [one.score_date.day for one in late if one.score_date] == [10, 11, 12]
    assert len(job.titles()) == 1


def test_a_job_that_ran_before_it_was_watched_owes_from_its_first_run(home: Home, web: Web) -> None:
    job = Promising(home, web)
    job.run(DAY - timedelta(days=2), "published", at=SEVEN - timedelta(days=2, hours=6))
    late = job.look(SEVEN).late
    assert [(one.score_date, one.status) for one in late] == [
        (DAY - timedelta(days=1), "missing"),
        (DAY, "missing"),
    ]


def test_what_was_promised_when_a_date_fell_due_stays(job: Promising) -> None:
    job.look(SEVEN - timedelta(hours=4))
    job.file.write_text(job.file.read_text().replace("07:00", "09:00"))
    watcher = job.home.server.connections["predictions_watcher"]
    [late] = look_at(watcher, job.home.read(job.name), SEVEN)
    assert late.promised_at == datetime(2024, 3, 12, 7, tzinfo=UTC)
