-- The reasons of published scores. They read as `predictions` does, run by run and for the same reasons: see scores.sql.
-- Of a fallback that serves a former run's scores again, the reasons are that run's.

CREATE VIEW scoring.prediction_reasons WITH (security_barrier) AS
SELECT current.job, current.score_date, rows.entity_id, rows.rank, rows.column_name, rows.value, rows.contribution,
       rows.error, rows.is_certain, rows.base, rows.others, runs.run_id, runs.model_version
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
CROSS JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT each.entity_id, each.rank, each.column_name, each.value, each.contribution, each.error, each.is_certain,
           each.base, each.others
    FROM scoring.reasons AS each WHERE each.run_id = coalesce(runs.source_run_id, runs.run_id)
) AS rows
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.prediction_reasons IS
    'Why entities got their published scores: the columns that moved each most, one row an entity and rank.';
COMMENT ON COLUMN scoring.prediction_reasons.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.prediction_reasons.score_date IS 'The day whose rows were scored.';
COMMENT ON COLUMN scoring.prediction_reasons.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.prediction_reasons.rank IS '1 for the largest contribution, whatever its sign.';
COMMENT ON COLUMN scoring.prediction_reasons.column_name IS
    'The feature, or the group of features that move together.';
COMMENT ON COLUMN scoring.prediction_reasons.value IS
    'Its value, as text; null where it has none, or the job keeps no values.';
COMMENT ON COLUMN scoring.prediction_reasons.contribution IS
    'By how much it moved the score, on the score''s scale: log odds of a probability, or a regression''s units.';
COMMENT ON COLUMN scoring.prediction_reasons.error IS
    'Standard error of the contribution: what other training rows and orders would change it by.';
COMMENT ON COLUMN scoring.prediction_reasons.is_certain IS
    'Whether its rank is beyond chance, in 19 of 20 cases: larger than the next, smaller than the one before.';
COMMENT ON COLUMN scoring.prediction_reasons.base IS
    'What the contributions begin with: the mean of the background, on that scale.';
COMMENT ON COLUMN scoring.prediction_reasons.others IS
    'The sum of all the entity''s contributions that are not listed: base, contributions and others are the score.';
COMMENT ON COLUMN scoring.prediction_reasons.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.prediction_reasons.model_version IS 'The registered version of the model.';

CREATE VIEW scoring.column_contributions WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, current.run_id IS NOT NULL AS is_shown, rows.column_name, rows.slice,
       rows.slice_value, rows.entities, rows.mean, rows.mean_size, rows.training_size
FROM scoring.scoring_runs AS runs
LEFT JOIN scoring.current_runs AS current ON current.run_id = runs.run_id
CROSS JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT each.column_name, each.slice, each.slice_value, each.entities, each.mean, each.mean_size,
           each.training_size
    FROM scoring.contributions AS each WHERE each.run_id = runs.run_id
) AS rows
WHERE runs.published_at IS NOT NULL
      AND ((SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
           OR runs.job IN (SELECT mine.job FROM scoring.my_jobs AS mine));
COMMENT ON VIEW scoring.column_contributions IS
    'What each column contributes to the scores of published runs, in all and by slice, beside training.';
COMMENT ON COLUMN scoring.column_contributions.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.column_contributions.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.column_contributions.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.column_contributions.is_shown IS 'Whether it is the run that analysts see.';
COMMENT ON COLUMN scoring.column_contributions.column_name IS
    'The feature, or the group of features that move together.';
COMMENT ON COLUMN scoring.column_contributions.slice IS 'The slice; empty for all entities that were explained.';
COMMENT ON COLUMN scoring.column_contributions.slice_value IS
    'The slice''s value; empty for all, and where it has none.';
COMMENT ON COLUMN scoring.column_contributions.entities IS 'Entities that were explained.';
COMMENT ON COLUMN scoring.column_contributions.mean IS 'Their mean contribution: which way the column moves them.';
COMMENT ON COLUMN scoring.column_contributions.mean_size IS
    'The mean of the contribution''s size, whatever its sign.';
COMMENT ON COLUMN scoring.column_contributions.training_size IS
    'The same over rows of training; null of a slice.';
GRANT SELECT ON scoring.prediction_reasons, scoring.column_contributions TO scoring_writer, scoring_job_analyst;
