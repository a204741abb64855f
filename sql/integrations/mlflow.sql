-- name: run
-- What an MLflow server gets of a run, beside its metrics.
SELECT run_id, job, score_date, status, model_name, model_version, model_sha256, code_version,
       pipeline_version, started_at, scored_at, published_at
FROM scoring.scoring_runs
WHERE run_id = :run_id
