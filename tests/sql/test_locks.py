"""Locks that a reader cannot take: a night is published, begun and cleaned up whatever analysts hold."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres, waiting
from pipeline.databases.waiting import Busy, Turns
from pipeline.maintenance import janitor, retention_days
from pipeline.payloads import RunRequest
from pipeline.runs import ledger
from pipeline.runs.decisions import roll_back
from pipeline.tasks.run import score
from tests.home import NIGHT
from tests.pipeline.shop import Shop

ROOT = Path(__file__).parents[2]
# The locks that publishing, beginning, a month's partition, outcomes and clean-up took when they were advisory.
KEYS = """
SELECT pg_advisory_lock(hashtextextended(key, seed))
FROM (VALUES (:job || ' ' || :day, 0), (:job || ' ' || :day || ' trigger', 1), ('scoring.prediction_rows_198801', 0),
             ('scoring.janitor', 0), ('scoring.migrate', 0)) AS taken (key, seed)
"""


@contextmanager
def analyst(shop: Shop, statement: str, **values: object) -> Iterator[None]:
    """An analyst's session that holds what it can."""
    with postgres.engine(shop.home.server.connections["analyst"]).begin() as session:
        session.execute(sa.text(statement), values)
        yield


def test_an_analyst_holds_nothing_up(shop: Shop) -> None:
    # Whoever waits for a lock longer than this fails.
    impatient = f"&options={quote('-c lock_timeout=3s')}"
    home, connections = shop.home, shop.home.server.connections
    workspace = replace(home.workspace, predictions=connections["predictions"] + impatient)
    with (
        analyst(shop, KEYS, job=shop.job, day=str(NIGHT)),
        analyst(shop, "SELECT count(*) FROM scoring.predictions"),
    ):
        first = score(workspace, home.read(shop.job), NIGHT, RunRequest(trigger="trigger")).run_id
        shop.change("visits = visits + 1")
        second = score(workspace, home.read(shop.job), NIGHT, RunRequest(trigger="another")).run_id
        approver = home.approver + impatient
        assert roll_back(approver, shop.job, NIGHT, by="ada", reason="wrong") == (first, second)
        home.sql("SELECT scoring.ensure_partition('1988-01-01')", "predictions")
        with janitor.session(connections["predictions_janitor"] + impatient) as session:
            assert janitor.call(session, "SELECT scoring.expire(:run)", run=second) is False


def test_a_night_that_stays_locked_is_told_with_who_is_in_the_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.home.score(shop.job).run_id
    shop.change("visits = visits + 1")
    second = shop.home.score(shop.job).run_id
    monkeypatch.setattr(waiting, "TURNS", Turns(lock_timeout="50ms", patience=0.2))
    uri = shop.home.workspace.predictions
    with postgres.engine(uri).begin() as other:
        other.execute(sa.text("SELECT scoring.lock_night(:job, :day)"), {"job": shop.job, "day": NIGHT})
        pid = other.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        refusal = (
            f"rolling back {shop.job} {NIGHT}: no lock was free .*{pid} \\(scoring_pipeline\\).*try again"
        )
        with pytest.raises(Busy, match=refusal):
            roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="wrong")
    assert roll_back(shop.home.approver, shop.job, NIGHT, by="ada", reason="wrong") == (first, second)


def test_a_turn_that_was_in_vain_is_taken_again(shop: Shop) -> None:
    turns = []

    def work(connection: sa.Connection) -> int:
        turns.append(connection)
        if len(turns) < 3:
            connection.execute(
                sa.text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'lock_not_available'; END $$")
            )
        return len(turns)

    assert waiting.patiently(shop.home.workspace.predictions, "trying", work) == 3


def test_two_tries_of_one_night_begin_one_after_the_other(shop: Shop) -> None:
    run = shop.extract(trigger="trigger")
    shop.extract(trigger="trigger")
    assert shop.status(run.run_id) == "abandoned"
    with pytest.raises(ledger.Superseded), ledger.open_run(shop.home.workspace.predictions, run.run_id):
        pass


def test_while_nothing_is_cleaned_up_the_lock_holds_no_clean_up_back(shop: Shop) -> None:
    uri = shop.home.server.connections["predictions_janitor"]
    retention_days.enter(shop.home.server.connections["predictions_owner"], [shop.home.read(shop.job)])
    with janitor.session(uri) as session:
        session.execute(
            sa.text("SELECT scoring.find_rows(run_id, 'scores') FROM scoring.scoring_runs LIMIT 1")
        )
        holds = """
            SELECT FROM pg_stat_activity
            WHERE usename = 'janitor' AND coalesce(backend_xid, backend_xmin) IS NOT NULL
        """
        assert shop.home.sql(holds) == []
        with pytest.raises(Busy), janitor.session(uri):
            pass


def test_no_lock_of_the_product_is_one_that_anybody_may_take(shop: Shop) -> None:
    advisory = re.compile(r"pg_(try_)?advisory_\w*lock")
    folders = (
        "pipeline",
        "orchestration",
        "dags",
        "plugins",
        "local",
        "sql/audit",
        "sql/evaluation",
        "sql/sample",
    )
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql")
    ]
    assert len(files) > 80
    assert [path for path in files if advisory.search(path.read_text(encoding="utf-8"))] == []
    functions = """
        SELECT proname FROM pg_proc WHERE pronamespace = 'scoring'::regnamespace AND prosrc ~ 'pg_\\w*advisory'
    """
    assert shop.home.sql(functions) == []
