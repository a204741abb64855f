"""A row belongs to its run by the run's number alone; the views compare no job's name row by row.

What the pointer says of job and run is the ledger's, and a run is one job's. Comparing the name of the job in each of a
night's million rows took an eighth of the time of an analyst's aggregate.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

# The date stands in both: given as a constant it leaves one month to plan for; else it leaves one to read.
VIEWS = """
CREATE OR REPLACE VIEW scoring.predictions WITH (security_barrier) AS
SELECT current.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.score_date, one.entity_id, one.score, one.label, one.class_scores
    FROM scoring.prediction_rows AS one
    WHERE one.run_id = current.run_id AND one.score_date = current.score_date
) AS rows ON rows.score_date = current.score_date
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);

CREATE OR REPLACE VIEW scoring.past_predictions WITH (security_barrier) AS
SELECT runs.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.scoring_runs AS runs
JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.score_date, one.entity_id, one.score, one.label, one.class_scores
    FROM scoring.prediction_rows AS one
    WHERE one.run_id = runs.run_id AND one.score_date = runs.score_date
) AS rows ON rows.score_date = runs.score_date
WHERE runs.published_at IS NOT NULL AND runs.expired_at IS NULL
      AND ((SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
           OR runs.job IN (SELECT mine.job FROM scoring.my_jobs AS mine));

CREATE OR REPLACE VIEW scoring.latest_predictions WITH (security_barrier) AS
SELECT latest.job, latest.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM (
    -- Where it is day already, the next day has begun. A night that was scored ahead would hide those before it.
    SELECT DISTINCT ON (job) job, score_date, run_id FROM scoring.current_runs
    WHERE score_date <= (now() AT TIME ZONE 'UTC')::date + 1 ORDER BY job, score_date DESC
) AS latest
JOIN scoring.scoring_runs AS runs ON runs.run_id = latest.run_id AND runs.status = 'published'
CROSS JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.entity_id, one.score, one.label, one.class_scores
    FROM scoring.prediction_rows AS one
    WHERE one.score_date = latest.score_date AND one.run_id = latest.run_id
) AS rows
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR latest.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
"""


def upgrade() -> None:
    """Replace the three views of scores; what they show stays the same."""
    op.execute(VIEWS)


def downgrade() -> None:
    """Leave the views: they show the same."""
