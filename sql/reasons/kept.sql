-- name: explanation
-- How the reasons that are kept of a run were found: while a try is at work, those of the one before are.
SELECT coalesce(earlier -> 'settings', settings) AS settings,
       coalesce(earlier ->> 'background_sha256', background_sha256) AS background_sha256
FROM scoring.explanations WHERE run_id = :run_id

-- name: part
-- The part of a run that has an entity's score.
SELECT part FROM scoring.prediction_rows
WHERE run_id = :run_id AND score_date = :score_date AND entity_id = :entity

-- name: reasons
-- The reasons that are kept of an entity's score.
SELECT entity_id, rank, column_name, value, contribution, error, is_certain, base, others FROM scoring.reasons
WHERE run_id = :run_id AND entity_id = :entity ORDER BY rank

-- name: last
-- How many rows a job's last published run has scored.
SELECT rows_scored FROM scoring.scoring_runs WHERE job = :job AND status = 'published'
ORDER BY score_date DESC, run_id DESC LIMIT 1
