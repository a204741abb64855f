"""pipeline/runs/decisions.py: a held run is decided on once, in a person's name, and never against a newer one."""

import pytest

from pipeline.runs.decisions import decide
from pipeline.runs.ledger import LedgerError, Superseded
from pipeline.runs.publications import Held
from tests.pipeline.shop import Shop


@pytest.fixture
def held(shop: Shop) -> int:
    """A run that failed its gate, after a night that passed."""
    shop.home.score(shop.job)
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    return int(shop.home.last_run(shop.job)["run_id"])


def test_an_approved_run_is_published_in_a_persons_name(shop: Shop, held: int) -> None:
    shop.change("visits = 0")  # decides nothing: the run keeps what it scored
    first = shop.runs()[0]["run_id"]
    uri = shop.home.approver
    assert decide(uri, held, approve=True, by="ada", reason="a quiet day") == first
    run = shop.home.last_run(shop.job)
    assert (run["status"], run["decided_by"], run["decision_reason"]) == ("published", "ada", "a quiet day")
    assert set(shop.predictions()["run_id"]) == {held}


def test_a_rejected_run_is_never_seen(shop: Shop, held: int) -> None:
    before = shop.predictions()
    assert decide(shop.home.approver, held, approve=False, by="ada", reason="wrong") is None
    run = shop.home.last_run(shop.job)
    assert (run["status"], run["decided_by"], run["decision_reason"]) == ("abandoned", "ada", "wrong")
    assert shop.predictions().equals(before)


@pytest.mark.parametrize("approve", [True, False])
def test_a_decision_is_taken_once(shop: Shop, held: int, approve: bool) -> None:
    uri = shop.home.approver
    decide(uri, held, approve=approve, by="ada", reason="seen")
    with pytest.raises(LedgerError, match=f"run {held} is not held"):
        decide(uri, held, approve=not approve, by="bob", reason="seen too")


def test_a_held_run_cannot_overwrite_a_newer_one(shop: Shop, held: int) -> None:
    shop.configure("min_rows = 101", "min_rows = 2")
    newer = shop.home.score(shop.job)
    with pytest.raises(Superseded, match=f"run {newer.run_id} is newer and published"):
        decide(shop.home.approver, held, approve=True, by="ada", reason="late")
    assert shop.status(held) == "abandoned"
    assert set(shop.predictions()["run_id"]) == {newer.run_id}
