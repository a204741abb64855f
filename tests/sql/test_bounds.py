"""What a session of the pipeline, the janitor or an analyst can write or read of nothing that would break a view."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from pipeline.embedded.server import Embedded
from tests.home import Home
from tests.pipeline.shop import Shop, open_shop
from tests.sql.test_dates import RUN
from tests.sql.test_guards import begin, night

__all__ = ["night"]

NEVER = ["'infinity'", "'-infinity'", "'294000-01-01'", "'0100-01-01 BC'"]
BEGUN = RUN.format(date="'2024-03-01'")


@pytest.mark.parametrize("time", [*NEVER, "now() + interval '1 second'"])
def test_no_run_begins_with_an_interval_that_cannot_be(home: Home, time: str) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
        home.sql(BEGUN.replace("now(), now()", f"{time}, now()"), "predictions")


@pytest.mark.parametrize("time", NEVER)
@pytest.mark.parametrize(
    "column", ["scoring_runs.extracted_at", "scoring_runs.scored_at", "run_parts.written_at"]
)
def test_no_time_is_noted_that_nobody_can_read(night: Shop, column: str, time: str) -> None:
    table, name = column.split(".")
    with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
        night.home.sql(
            f"UPDATE scoring.{table} SET {name} = {time} WHERE run_id = :run", "predictions", run=begin(night)
        )


FINDING = {"check": "min_rows", "action": "hold", "message": "few"}


@pytest.mark.parametrize(
    "findings",
    [1, {}, [1], [[FINDING]], [FINDING, None], [{**FINDING, "message": 1}], [{"check": "", "action": ""}]],
)
def test_findings_are_objects_of_three_texts(night: Shop, findings: Any) -> None:
    keep = "UPDATE scoring.scoring_runs SET findings = CAST(:findings AS jsonb) WHERE run_id = :run"
    run = begin(night)
    night.home.sql(keep, "predictions", run=run, findings=json.dumps([{**FINDING, "more": 1}]))
    with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
        night.home.sql(keep, "predictions", run=run, findings=json.dumps(findings))


OUTCOMES = (
    "SELECT scoring.replace_outcomes(:run, ARRAY[''], ARRAY[''], ARRAY['outcomes'], ARRAY[{}]::float8[])"
)


@pytest.mark.parametrize("number", ["'NaN'", "'Infinity'", "NULL"])
def test_outcomes_are_finite(night: Shop, number: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match="every one has to be a finite number"):
        night.home.sql(OUTCOMES.format(number), "predictions", run=begin(night, "published"))


@pytest.mark.parametrize(("number", "shown"), [("1e300", None), ("-1", None), ("12", 12)])
def test_a_count_that_is_none_breaks_no_view(home: Home, number: str, shown: int | None) -> None:
    shop = open_shop(home)
    home.sql(OUTCOMES.format(number), "predictions", run=home.score(shop.job).run_id)
    rows = home.sql("SELECT outcomes FROM scoring.model_quality WHERE job = :job", "analyst", job=shop.job)
    assert rows == [{"outcomes": shown}]


def test_a_night_that_was_scored_ahead_hides_none(home: Home) -> None:
    shop = open_shop(home)
    published = home.score(shop.job).run_id
    home.score(shop.job, datetime.now(UTC).date() + timedelta(days=3))
    latest = "SELECT DISTINCT run_id FROM scoring.latest_predictions WHERE job = :job"
    assert home.sql(latest, "analyst", job=shop.job) == [{"run_id": published}]


def test_no_metric_that_is_one_score_is_read_by_an_analyst(night: Shop) -> None:
    run = night.home.last_run(night.job)["run_id"]
    metrics = "SELECT metric FROM scoring.run_metrics WHERE run_id = :run AND metric ~ '^score_m'"
    kept = night.home.sql(metrics, "predictions", run=run)
    seen = night.home.sql(metrics, "analyst", run=run)
    assert {row["metric"] for row in kept} >= {"score_min", "score_max", "score_mean"}
    assert [row for row in kept if row not in seen] == [
        row for row in kept if row["metric"] in ("score_min", "score_max")
    ]


@pytest.mark.parametrize("scores", ["NULL", "NaN", "Infinity", "-Infinity"])
def test_class_scores_are_finite(night: Shop, scores: str) -> None:
    row = """
        INSERT INTO scoring.prediction_rows (score_date, run_id, part, entity_id, score, class_scores)
        VALUES ('2024-03-01', 0, 0, 'e', 0.5, '{0.5,%s}')"""
    night.home.sql("SELECT scoring.ensure_partition('2024-03-01')")
    with pytest.raises(sa.exc.IntegrityError, match="violates check constraint"):
        night.home.sql(row % scores)


@pytest.mark.parametrize("call", ["find_rows(:run, '{}')", "delete_rows(:run, '{}', 0, 1)"])
def test_the_janitor_knows_two_words(night: Shop, call: str) -> None:
    with pytest.raises(sa.exc.DatabaseError, match="a run has scores and rejected rows, and no bogus"):
        night.home.sql(f"SELECT scoring.{call.format('bogus')}", "predictions_janitor", run=begin(night))


ERASE = (
    "SELECT runs, parts FROM scoring.erase(:job, :entity, '{}', :runs, :parts, :digests, 'cleo', 'asked for')"
)


@pytest.mark.parametrize("entity", ["", " ", None])
def test_an_erasure_is_of_somebody(night: Shop, entity: str | None) -> None:
    with pytest.raises(sa.exc.DatabaseError, match="an erasure is of somebody"):
        night.home.sql(
            ERASE, "predictions_janitor", job=night.job, entity=entity, runs=[], parts=[], digests=[]
        )


def test_a_receipt_counts_what_there_is(night: Shop) -> None:
    run, other = night.home.last_run(night.job)["run_id"], begin(night)
    many = {"runs": [run, run, other, 10**9], "parts": [0, 999, 0, 0], "digests": ["a" * 64] * 4}
    receipt = night.home.sql(ERASE, "predictions_janitor", job=night.job, entity="nobody", **many)
    assert receipt == [{"runs": 1, "parts": 1}]


@pytest.mark.parametrize("day", ["infinity", "-infinity", "9999-01-01"])
def test_no_night_is_locked_that_cannot_be(night: Shop, day: str) -> None:
    for role, statement in (
        ("predictions", f"SELECT scoring.lock_night('nojob', '{day}')"),
        ("predictions_approver", f"SELECT scoring.roll_back('nojob', '{day}', 1, 'ada', 'fine')"),
    ):
        with pytest.raises(sa.exc.DatabaseError, match="score date .* is not between"):
            night.home.sql(statement, role)


@pytest.mark.parametrize("database", ["predictions", "warehouse", "airflow"])
def test_nobody_stores_large_objects_or_writes_into_the_log(server: Embedded, database: str) -> None:
    open_to_all = """
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'pg_logical_emit_message')
          AND has_function_privilege('public', oid, 'EXECUTE')
    """
    with psycopg.connect(server.uri(database)) as session:
        assert session.execute(open_to_all).fetchall() == []
        limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'analyst'"
        assert session.execute(limit).fetchone() == (40,)
