-- name: with_runs
-- Of these jobs, those that have runs.
SELECT name FROM unnest(CAST(:jobs AS text[])) AS name
WHERE EXISTS (SELECT FROM scoring.scoring_runs WHERE job = name)
