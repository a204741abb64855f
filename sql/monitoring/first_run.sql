-- name: former
-- The version of the model that scored what is published for the last score date before, by the job's own run.
SELECT run.model_version FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
WHERE current.job = :job AND current.score_date < :score_date
  AND run.served_by = 'model' AND run.model_name = :model_name
ORDER BY current.score_date DESC LIMIT 1
