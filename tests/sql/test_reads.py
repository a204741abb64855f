"""What a query of one night reads does not grow with what else its month holds."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.embedded.server import Embedded

VIEWS = ("predictions", "latest_predictions", "past_predictions")
ALONE, CROWDED = date(1993, 1, 10), date(1993, 2, 10)  # months of their own
NIGHT, OTHERS = 20_000, 6
QUERIES = {
    "aggregate": "SELECT count(*), avg(score), count(*) FILTER (WHERE label = 'true')",
    "filtered": "SELECT count(*) FILTER (WHERE label = 'true'), max(entity_id)",
}
RUN = """
INSERT INTO scoring.scoring_runs (
    job, score_date, status, trigger, dry_run, interval_start, interval_end, idempotency_key, model_name, model_version,
    model_sha256, code_version, query_sha256, job_sha256, library_versions, parts, rows_extracted, rows_rejected,
    rows_scored, published_at)
VALUES (:job, :day, :status, 'test', false, :day, CAST(:day AS date) + 1, 'key', 'model', 1, 'x', 'x', 'x', 'x', '{}',
        1, :rows, 0, :rows, CASE WHEN :status = 'published' THEN now() END)
RETURNING run_id
"""
ROWS = """
INSERT INTO scoring.prediction_rows
SELECT :day, :run, 0, md5(CAST(n AS text)), random(), n % 2 = 0, NULL FROM generate_series(1, :rows) AS n
"""
POINT = "INSERT INTO scoring.current_runs (job, score_date, run_id) VALUES (:job, :day, :run)"
COVER = "SELECT scoring.summarize(day), scoring.analyze(day) FROM unnest(CAST(:days AS date[])) AS day"


@pytest.fixture(scope="module")
def analyst(server: Embedded) -> str:
    """The analyst's address, where the same night stands alone in its month and between many other runs.

    Those are nights of the same job, another job's, and tries of the same night that were not published; each as large,
    and one of them eight times so.
    """
    with postgres.engine(server.connections["predictions_owner"]).begin() as session:

        def add(job: str, day: date, status: str, rows: int = NIGHT) -> None:
            session.execute(sa.text("SELECT scoring.ensure_partition(:day)"), {"day": day})
            run = {"job": job, "day": day, "status": status, "rows": rows}
            run["run"] = session.execute(sa.text(RUN), run).scalar_one()
            session.execute(sa.text(ROWS), run)
            if status == "published":
                session.execute(sa.text(POINT), run)

        add("reads_alone", ALONE, "published")
        for number in range(OTHERS):
            if number == OTHERS // 2:
                add("reads_crowded", CROWDED, "published")
            add(
                "reads_other",
                CROWDED.replace(day=number + 1),
                "published",
                8 * NIGHT if number == 4 else NIGHT,
            )
            if number % 3 == 0:
                add("reads_crowded", CROWDED, "abandoned")
            elif number % 3 == 1:
                add("reads_crowded", CROWDED.replace(day=number // 3 + 1), "published")
        session.execute(sa.text(COVER), {"days": [ALONE, CROWDED]})
    return server.connections["analyst"]


def plan_of(analyst: str, select: str, view: str, job: str, day: date, condition: str = "") -> dict[str, Any]:
    """The executed plan of a query of one night."""
    query = f"{select} FROM scoring.{view} WHERE job = :job AND score_date = :day {condition}"
    explain = sa.text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}")
    with postgres.engine(analyst).begin() as session:
        row = session.execute(explain, {"job": job, "day": day}).scalar_one()
    plan: dict[str, Any] = row[0]["Plan"]
    return plan


def pages(plan: dict[str, Any]) -> int:
    """The pages that a plan and its parts touched."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("query", QUERIES)
def test_an_aggregate_reads_the_night_whatever_else_its_month_holds(
    analyst: str, view: str, query: str
) -> None:
    alone = plan_of(analyst, QUERIES[query], view, "reads_alone", ALONE)
    crowded = plan_of(analyst, QUERIES[query], view, "reads_crowded", CROWDED)
    assert pages(crowded) <= 1.3 * pages(alone)


@pytest.mark.parametrize("view", VIEWS)
def test_a_look_up_reads_the_entitys_rows_and_the_index_of_its_month(analyst: str, view: str) -> None:
    find = "AND entity_id = md5('777')"
    alone = plan_of(analyst, "SELECT *", view, "reads_alone", ALONE, find)
    crowded = plan_of(analyst, "SELECT *", view, "reads_crowded", CROWDED, find)
    [alone_index, crowded_index] = [sum(map(pages, index_scans(plan))) for plan in (alone, crowded)]
    assert 0 not in (alone_index, crowded_index)  # never the night's rows one by one
    assert pages(crowded) - crowded_index <= 1.3 * (pages(alone) - alone_index)


def index_scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a plan that search an index of scores."""
    if plan["Node Type"] == "Bitmap Index Scan":
        yield plan
    for part in plan.get("Plans", ()):
        yield from index_scans(part)


def test_joined_entities_are_found_by_one_reading_of_the_night(analyst: str) -> None:
    entities = "AND entity_id IN (SELECT md5(CAST(n AS text)) FROM generate_series(1, 100) AS n)"
    crowded = plan_of(analyst, "SELECT entity_id, score", "predictions", "reads_crowded", CROWDED, entities)
    alone = plan_of(analyst, "SELECT count(*)", "predictions", "reads_alone", ALONE)
    assert crowded["Actual Rows"] == 100
    assert pages(crowded) <= 1.3 * pages(alone)
