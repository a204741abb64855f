-- The scores of published runs of multiclass models, class by class. It reads as `predictions` does, run by run and for
-- the same reasons: see scores.sql. Its rights stand here, so that a revision can run this file.

CREATE OR REPLACE VIEW scoring.class_probabilities WITH (security_barrier) AS
SELECT current.job, rows.score_date, rows.entity_id, named.classes[rows.number] AS class, rows.probability,
       runs.run_id, runs.model_version
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
LEFT JOIN scoring.model_classes AS named ON named.model_sha256 = runs.model_sha256
JOIN LATERAL (
    WITH apart AS (SELECT)
    SELECT one.score_date, one.entity_id, each.probability, each.number
    FROM scoring.prediction_rows AS one
    CROSS JOIN LATERAL unnest(one.class_scores) WITH ORDINALITY AS each (probability, number)
    WHERE one.run_id = current.run_id AND one.score_date = current.score_date
) AS rows ON rows.score_date = current.score_date
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.class_probabilities IS
    'The published probabilities of multiclass models: one row an entity and class.';
COMMENT ON COLUMN scoring.class_probabilities.job IS 'The job.';
COMMENT ON COLUMN scoring.class_probabilities.score_date IS 'The day whose rows were scored.';
COMMENT ON COLUMN scoring.class_probabilities.entity_id IS 'What was scored.';
COMMENT ON COLUMN scoring.class_probabilities.class IS
    'The class; null where the model was scored before class names were kept, until `migrate` enters them.';
COMMENT ON COLUMN scoring.class_probabilities.probability IS 'The probability of the class, from 0 to 1.';
COMMENT ON COLUMN scoring.class_probabilities.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.class_probabilities.model_version IS 'The registered version of the model.';
GRANT SELECT ON scoring.class_probabilities TO scoring_writer, scoring_job_analyst;
