"""The same night twice: alone in its month, and in another month between other runs. Copied by SQL, not scored."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from benchmarks.ground import NIGHT, Ground
from pipeline.databases import postgres

CROWDED = date(2013, 8, 15)

_PUBLISHED = "SELECT run_id FROM scoring.current_runs WHERE job = 'bench' AND score_date = :night"
_RUN = """
INSERT INTO scoring.scoring_runs (
    job, score_date, status, trigger, dry_run, interval_start, interval_end, idempotency_key, model_name, model_version,
    model_sha256, code_version, query_sha256, job_sha256, library_versions, parts, rows_extracted, rows_rejected,
    rows_scored, scored_at, published_at)
SELECT :job, :day, :status, trigger, false, interval_start, interval_end, idempotency_key || :day || :job, model_name,
       model_version, model_sha256, code_version, query_sha256, job_sha256, library_versions, parts, rows_extracted,
       rows_rejected, rows_scored, scored_at, CASE WHEN :status = 'published' THEN published_at END
FROM scoring.scoring_runs WHERE run_id = :source RETURNING run_id
"""
_ROWS = """
INSERT INTO scoring.prediction_rows
SELECT :day, :run, part, entity_id, score, label, class_scores
FROM scoring.prediction_rows WHERE run_id = :source AND score_date = :night
"""
_POINT = "INSERT INTO scoring.current_runs (job, score_date, run_id) VALUES (:job, :day, :run)"
_COVER = "SELECT scoring.summarize(:day), scoring.analyze(:day)"


def add(ground: Ground, runs: int) -> None:
    """Copy the published night into another month, with so many runs beside it.

    Half of those are other jobs' published nights; the others tries of the same night, which nobody may see.
    """
    with postgres.engine(ground.server.connections["predictions_owner"]).begin() as session:
        source = session.execute(sa.text(_PUBLISHED), {"night": NIGHT}).scalar_one()
        session.execute(sa.text("SELECT scoring.ensure_partition(:day)"), {"day": CROWDED})
        for number in range(runs):
            if number == runs // 2:
                _copy(session, source, "bench", CROWDED, "published")
            if number % 2:
                _copy(session, source, "bench", CROWDED, "abandoned")
            else:
                job, day = divmod(number, 28)
                _copy(session, source, f"another_{job}", CROWDED.replace(day=1 + day), "published")
    with postgres.engine(ground.server.connections["predictions_owner"]).begin() as session:
        session.execute(sa.text(_COVER), {"day": CROWDED})


def _copy(session: sa.Connection, source: int, job: str, day: date, status: str) -> None:
    values: dict[str, Any] = {"source": source, "job": job, "day": day, "status": status, "night": NIGHT}
    values["run"] = session.execute(sa.text(_RUN), values).scalar_one()
    session.execute(sa.text(_ROWS), values)
    if status == "published":
        session.execute(sa.text(_POINT), values)
