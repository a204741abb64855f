"""pipeline/maintenance/janitor.py: one at a time throws things away, and a lock that is held is no error."""

import pytest
import sqlalchemy as sa

from pipeline.databases.waiting import Busy
from pipeline.maintenance import janitor
from tests.home import Home
from tests.pipeline.shop import locked


def test_one_janitor_is_at_work_at_a_time(home: Home) -> None:
    uri = home.server.connections["predictions_janitor"]
    with janitor.session(uri) as session:
        assert janitor.call(session, "SELECT 1") == 1
        assert janitor.call(session, "SELECT 1 WHERE false") is None
        with pytest.raises(Busy, match="another prune or erase is at work on this database. Wait until"):
            janitor.session(uri).__enter__()
    with janitor.session(uri):
        pass


def test_a_lock_that_is_not_to_be_had_is_none_and_a_refusal_is_raised(home: Home) -> None:
    job = home.name()
    with janitor.session(home.server.connections["predictions_janitor"]) as session:
        assert janitor.retry(session, "SELECT 1") == 1
        janitor.call(session, "SELECT set_config('lock_timeout', '50ms', false)")
        lock = "SELECT pg_advisory_xact_lock(hashtext(:job))::text"
        with locked(home, lock, job=job):
            assert janitor.retry(session, lock, job=job) is None
        assert janitor.retry(session, lock, job=job) == ""
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            janitor.retry(session, "DELETE FROM scoring.scoring_runs")
