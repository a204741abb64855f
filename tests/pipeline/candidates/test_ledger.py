"""pipeline/candidates/ledger.py: a candidate is entered once, and what it is never changes."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from pipeline.candidates import ledger
from pipeline.candidates.ledger import CandidateError
from pipeline.databases.postgres import engine
from tests.home import Home
from tests.pipeline.candidates.drafts import drafted


def test_candidates_are_entered_once_a_trigger_and_the_latest_is_named(home: Home) -> None:
    uri, job = home.workspace.predictions, home.name()
    draft = drafted(home, job)
    assert ledger.latest(uri, job) is None
    first = ledger.enter(uri, draft, "one")
    assert ledger.enter(uri, draft, "one") == first
    second = ledger.enter(uri, draft, "another")
    assert [each.number for each in ledger.listed(uri, job)] == [second, first]
    latest = ledger.latest(uri, job)
    assert latest is not None
    assert (latest.number, latest.status, latest.evaluation) == (second, "candidate", draft.evaluation)
    ledger.note_adoption(uri, latest, 7)
    noted = ledger.find(uri, job, second)
    assert (noted.status, noted.adopted_as) == ("adopted", 7)
    with pytest.raises(
        CandidateError, match=f"another has no candidate {first}. `scoring candidates another`"
    ):
        ledger.find(uri, "another", first)


# Rows that somebody waits to see committed.
WAITING = "SELECT count(*) AS waiting FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"


def test_tries_at_once_give_one_number(home: Home) -> None:
    uri, job = home.workspace.predictions, home.name()
    draft = drafted(home, job)
    with engine(uri).begin() as connection, ThreadPoolExecutor(1) as other:
        first = ledger.write(connection, draft, "one")
        second = other.submit(ledger.enter, uri, draft, "one")
        deadline = time.monotonic() + 60
        while not home.sql(WAITING)[0]["waiting"]:
            assert time.monotonic() < deadline, "nobody waits for the first one"
        connection.commit()
        assert second.result() == first
    assert [each.number for each in ledger.listed(uri, job)] == [first]


def test_nobody_changes_what_a_candidate_is_and_analysts_do_not_read_it(home: Home) -> None:
    ledger.enter(home.workspace.predictions, drafted(home, home.name()), "a test")
    refused = (
        ("predictions", "UPDATE scoring.model_candidates SET files = '{}'"),
        ("predictions", "DELETE FROM scoring.model_candidates"),
        ("analyst", "SELECT 1 FROM scoring.model_candidates"),
    )
    for role, statement in refused:
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            home.sql(statement, role)
