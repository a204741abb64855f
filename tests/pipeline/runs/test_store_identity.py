"""pipeline/runs/store_identity.py: nothing is written into a store for a database that it does not belong to."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.runs import history, store_identity
from pipeline.runs.store_identity import BehindStore, Database, ForeignStore
from pipeline.store import objects
from pipeline.store.parts import PartError
from tests.home import NIGHT
from tests.pipeline.shop import Shop

HERE = Database(str(uuid4()), 7, b"a key")


def own(store: str, job: str, database: Database, secret: bytes) -> None:
    """Make a database the owner of a job's runs, under a seal."""
    value = json.dumps({"database_id": database.database_id})
    objects.put(store, store_identity.marker(job), value, secret)


def test_the_first_database_that_writes_makes_the_runs_its_own(shop: Shop) -> None:
    store, database_url = shop.home.store, shop.home.workspace.predictions
    assert store_identity.owner(store, shop.job) is None
    database = store_identity.admit(store, shop.job, database_url)
    assert store_identity.owner(store, shop.job) == database.database_id
    assert store_identity.jobs(store) == [shop.job]
    assert store_identity.admit(store, shop.job, database_url) == database


def test_a_number_is_claimed_once(shop: Shop) -> None:
    shop.home.score(shop.job)
    database = store_identity.of(shop.home.workspace.predictions)
    with pytest.raises(BehindStore, match=f"has a run {database.last_run_id} of this database already"):
        store_identity.claim(shop.home.store, database, database.last_run_id)
    ahead = database.last_run_id + 41_999
    store_identity.claim(shop.home.store, database, ahead)
    assert store_identity.highest(shop.home.store, database) == ahead
    before = history.runs(shop.home.workspace.predictions, shop.job)
    with pytest.raises(BehindStore, match=f"has run {ahead}, and the last run of this database is"):
        shop.home.score(shop.job)
    assert history.runs(shop.home.workspace.predictions, shop.job) == before


def test_a_run_that_begins_meanwhile_is_no_backup(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given its number after the database was asked, and claims it before the store is."""
    listed = store_identity.claims

    def claims(store: str, database_id: str) -> Iterator[tuple[int, str]]:
        monkeypatch.setattr(store_identity, "claims", listed)
        shop.home.score(shop.job, NIGHT + timedelta(days=1))
        return listed(store, database_id)

    monkeypatch.setattr(store_identity, "claims", claims)
    shop.home.score(shop.job)
    assert len(history.runs(shop.home.workspace.predictions, shop.job)) == 2


def test_a_store_without_runs_of_the_job_is_anybodys(tmp_path: Path) -> None:
    store_identity.require(str(tmp_path), "job", HERE)
    store_identity.require_current(str(tmp_path), lambda: HERE)


def test_the_runs_of_another_database_are_refused_and_a_seal_that_is_not_ours(tmp_path: Path) -> None:
    store, other = str(tmp_path), replace(HERE, database_id=str(uuid4()))
    own(store, "job", other, other.secret)
    with pytest.raises(ForeignStore, match=f"belong to database {other.database_id}, and this is database"):
        store_identity.require(store, "job", HERE)
    own(store, "job", HERE, b"a guess")
    with pytest.raises(ForeignStore, match="names this database, and does not have its seal"):
        store_identity.require(store, "job", HERE)
    own(store, "job", HERE, HERE.secret)
    store_identity.require(store, "job", HERE)


def test_a_file_that_names_no_database_is_damaged(tmp_path: Path) -> None:
    objects.put(str(tmp_path), store_identity.marker("job"), '{"database_id": "ours"}', HERE.secret)
    with pytest.raises(PartError, match="names no database. Restore the file from a copy of the store"):
        store_identity.owner(str(tmp_path), "job")


def test_a_claim_that_the_database_did_not_seal_counts_for_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = str(tmp_path)
    store_identity.claim(store, HERE, 7)
    store_identity.claim(store, replace(HERE, secret=b"a guess"), 9_000)
    assert store_identity.highest(store, HERE) == 7
    assert "1 claims of run numbers" in caplog.text
    assert "do not have this database's seal" in caplog.text
    store_identity.require_current(store, lambda: HERE)
    store_identity.claim(store, HERE, 9_000)
    with pytest.raises(BehindStore, match="has run 9000, and the last run of this database is 7"):
        store_identity.require_current(store, lambda: HERE)


def test_the_key_is_never_printed() -> None:
    assert "a key" not in repr(HERE)
