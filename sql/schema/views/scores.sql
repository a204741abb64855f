-- The scores of published runs.
--
-- Run by run and not as a plain join, which would read every month's rows of every job and then throw them away: a
-- count of one day among 30 of a million rows took 2.0 s, and takes 0.15 s so. Nor may a run be read that is not
-- shown: a condition of whoever asks is tested on a row before the view's own where it can leak nothing by itself, and
-- EXPLAIN ANALYZE counts those rows all the same. From a join that reads a run's rows at once it would say, score by
-- score, what an unpublished run holds. So each scan is by the number of a run that may be seen.
--
-- The empty WITH keeps the planner from making a join of it all the same, and lets a condition on entity_id through to
-- the index, as OFFSET 0 would not. The date stands in both: given as a constant it leaves one month to plan for; else
-- it leaves one to read. A row belongs to its run by the run's number alone, and what the pointer says of job and run is
-- the ledger's: comparing the name of the job in each of a run's million rows took an eighth of the time of an
-- analyst's aggregate.

CREATE OR REPLACE VIEW scoring.predictions WITH (security_barrier) AS
SELECT current.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days,
       rows.part
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.score_date, one.entity_id, one.score, one.label, one.class_scores, one.part
    FROM scoring.prediction_rows AS one
    WHERE one.run_id = current.run_id AND one.score_date = current.score_date
) AS rows ON rows.score_date = current.score_date
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.predictions IS
    'What analysts query: the scores of the published run of every job and score date, one row an entity.';
COMMENT ON COLUMN scoring.predictions.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.predictions.score_date IS 'The day whose rows were scored.';
COMMENT ON COLUMN scoring.predictions.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.predictions.score IS
    'Binary: probability of the positive class. Multiclass: probability of the label. Regression: the value.';
COMMENT ON COLUMN scoring.predictions.label IS 'The predicted class; null for a regression.';
COMMENT ON COLUMN scoring.predictions.class_scores IS
    'Multiclass: a probability for every class, in the order of `model_classes`; `class_probabilities` has them '
    'by name.';
COMMENT ON COLUMN scoring.predictions.model_name IS 'The model that scored.';
COMMENT ON COLUMN scoring.predictions.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.predictions.scored_at IS 'When the last part of the run was scored and written.';
COMMENT ON COLUMN scoring.predictions.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.predictions.served_by IS
    '`model`: scored for this date. `last_published` and `champion_previous`: a fallback stands in for a run that'
    ' failed.';
COMMENT ON COLUMN scoring.predictions.staleness_days IS
    'How many days before score_date the row was scored; 0 but for `last_published`.';
COMMENT ON COLUMN scoring.predictions.part IS
    'The number of the run''s part that has the row, as in `run_parts`.';

CREATE OR REPLACE VIEW scoring.past_predictions WITH (security_barrier) AS
SELECT runs.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days,
       rows.part
FROM scoring.scoring_runs AS runs
JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.score_date, one.entity_id, one.score, one.label, one.class_scores, one.part
    FROM scoring.prediction_rows AS one
    WHERE one.run_id = runs.run_id AND one.score_date = runs.score_date
) AS rows ON rows.score_date = runs.score_date
WHERE runs.published_at IS NOT NULL AND runs.expired_at IS NULL
      AND ((SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
           OR runs.job IN (SELECT mine.job FROM scoring.my_jobs AS mine));
COMMENT ON VIEW scoring.past_predictions IS
    'The scores of every run that was ever published, until clean-up: with `publications`, what was shown when.';
COMMENT ON COLUMN scoring.past_predictions.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.past_predictions.score_date IS 'The day whose rows were scored.';
COMMENT ON COLUMN scoring.past_predictions.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.past_predictions.score IS
    'Binary: probability of the positive class. Multiclass: probability of the label. Regression: the value.';
COMMENT ON COLUMN scoring.past_predictions.label IS 'The predicted class; null for a regression.';
COMMENT ON COLUMN scoring.past_predictions.class_scores IS
    'Multiclass: a probability for every class, in the order of `model_classes`; `class_probabilities` has them '
    'by name.';
COMMENT ON COLUMN scoring.past_predictions.model_name IS 'The model that scored.';
COMMENT ON COLUMN scoring.past_predictions.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.past_predictions.scored_at IS 'When the last part of the run was scored and written.';
COMMENT ON COLUMN scoring.past_predictions.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.past_predictions.served_by IS
    '`model`: scored for this date. `last_published` and `champion_previous`: a fallback stands in for a run that'
    ' failed.';
COMMENT ON COLUMN scoring.past_predictions.staleness_days IS
    'How many days before score_date the row was scored; 0 but for `last_published`.';
COMMENT ON COLUMN scoring.past_predictions.part IS
    'The number of the run''s part that has the row, as in `run_parts`.';

CREATE OR REPLACE VIEW scoring.latest_predictions WITH (security_barrier) AS
SELECT latest.job, latest.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days,
       rows.part
FROM (
    -- Where it is day already, the next day has begun. A day that was scored ahead would hide those before it.
    SELECT DISTINCT ON (job) job, score_date, run_id FROM scoring.current_runs
    WHERE score_date <= (now() AT TIME ZONE 'UTC')::date + 1 ORDER BY job, score_date DESC
) AS latest
JOIN scoring.scoring_runs AS runs ON runs.run_id = latest.run_id AND runs.status = 'published'
CROSS JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.entity_id, one.score, one.label, one.class_scores, one.part
    FROM scoring.prediction_rows AS one
    WHERE one.score_date = latest.score_date AND one.run_id = latest.run_id
) AS rows
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR latest.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.latest_predictions IS
    'The rows of `predictions` that are of the last published score date of their job.';
COMMENT ON COLUMN scoring.latest_predictions.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.latest_predictions.score_date IS
    'The day whose rows were scored. Compare it with today: a job that has stopped shows the last date that it '
    'published.';
COMMENT ON COLUMN scoring.latest_predictions.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.latest_predictions.score IS
    'Binary: probability of the positive class. Multiclass: probability of the label. Regression: the value.';
COMMENT ON COLUMN scoring.latest_predictions.label IS 'The predicted class; null for a regression.';
COMMENT ON COLUMN scoring.latest_predictions.class_scores IS
    'Multiclass: a probability for every class, in the order of `model_classes`; `class_probabilities` has them '
    'by name.';
COMMENT ON COLUMN scoring.latest_predictions.model_name IS 'The model that scored.';
COMMENT ON COLUMN scoring.latest_predictions.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.latest_predictions.scored_at IS
    'When the last part of the run was scored and written.';
COMMENT ON COLUMN scoring.latest_predictions.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.latest_predictions.served_by IS
    '`model`: scored for this date. `last_published` and `champion_previous`: a fallback stands in for a run that'
    ' failed.';
COMMENT ON COLUMN scoring.latest_predictions.staleness_days IS
    'How many days before score_date the row was scored; 0 but for `last_published`.';
COMMENT ON COLUMN scoring.latest_predictions.part IS
    'The number of the run''s part that has the row, as in `run_parts`.';
