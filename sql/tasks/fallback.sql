-- name: shown
-- The run that analysts see of a score date, and whose scores it serves again.
SELECT run.run_id, run.served_by, run.staleness_days, run.model_name, run.model_version,
       source.score_date AS source_date
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
LEFT JOIN scoring.scoring_runs AS source ON source.run_id = run.source_run_id
WHERE current.job = :job AND current.score_date = :score_date
