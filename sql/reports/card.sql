-- name: run
-- A run, its job, and the version that scored it; null before it was loaded.
SELECT run_id, job, model_name, model_version FROM scoring.scoring_runs WHERE run_id = :run_id

-- name: runs
-- The last published runs that a version of a model has scored, of each job, the newest first.
SELECT runs.job, runs.score_date, runs.run_id
FROM (
    SELECT run.job, run.score_date, run.run_id,
           row_number() OVER (PARTITION BY run.job ORDER BY run.score_date DESC) AS place
    FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
    WHERE run.model_name = :model AND run.model_version = :version AND run.served_by = 'model'
) AS runs
WHERE runs.place <= CAST(:most AS integer)
ORDER BY runs.job, runs.score_date DESC

-- name: quality
-- How the scores of some runs compare with their outcomes, of all entities and by group; an estimate has no outcomes.
SELECT job, run_id, slice_column, slice_value, outcomes, log_loss, roc_auc, accuracy, mae, rmse, in_sample, quality_alarm
FROM scoring.model_quality
WHERE run_id = ANY(:runs) AND outcomes > 0
ORDER BY job, slice_column, slice_value NULLS LAST, run_id

-- name: findings
-- On how many of some runs each check found something.
SELECT run.job, found.check_name, count(DISTINCT found.run_id) AS runs
FROM scoring.findings AS found JOIN scoring.scoring_runs AS run ON run.run_id = found.run_id
WHERE found.run_id = ANY(:runs) GROUP BY run.job, found.check_name ORDER BY run.job, found.check_name
