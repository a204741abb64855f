-- name: runs
-- The newest runs first, of one job or of all.
SELECT * FROM scoring.scoring_runs WHERE CAST(:job AS text) IS NULL OR job = :job ORDER BY run_id DESC LIMIT :limit

-- name: published
-- The score dates of a range for which a run of the job's own model is published, with its number.
SELECT run.score_date, run.run_id FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
WHERE current.job = :job AND current.score_date BETWEEN :first AND :last AND run.served_by = 'model'

-- name: triggered
-- The newest run of a trigger and score date.
SELECT run_id, rows_scored, rows_rejected FROM scoring.scoring_runs
WHERE job = :job AND score_date = :score_date AND trigger = :trigger ORDER BY run_id DESC LIMIT 1

-- name: ledger
-- The parts of a run.
SELECT part, rows_extracted, rows_rejected, rows_scored, rows_erased, input_sha256, scored_sha256, written_at
FROM scoring.run_parts WHERE run_id = :run_id ORDER BY part

-- name: metrics
-- The metrics of a run.
SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id ORDER BY metric

-- name: features
-- The metrics of the features of a run.
SELECT feature, metric, value FROM scoring.feature_metrics WHERE run_id = :run_id ORDER BY feature, metric

-- name: outcomes
-- The metrics of a run's outcomes, of all entities together.
SELECT metric, value FROM scoring.outcome_metrics
WHERE run_id = :run_id AND slice_column = '' ORDER BY metric

-- name: rejections
-- The same as `rejected`, as analysts may read it.
SELECT column_name, rule, count(*) AS rows FROM scoring.rejections WHERE run_id = :run_id
GROUP BY column_name, rule ORDER BY rows DESC, column_name, rule

-- name: rejected
-- How many rows of a run each rule rejected, by column.
SELECT column_name, rule, count(*) AS rows FROM scoring.rejected_rows WHERE run_id = :run_id
GROUP BY column_name, rule ORDER BY rows DESC, column_name, rule
