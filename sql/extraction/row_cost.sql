-- name: last_pace
-- Gives the pace and the peak memory of the job's last run with this version of the model.
SELECT metric, value FROM scoring.run_metrics
WHERE metric IN ('predict_rows_per_second', 'predict_peak_mb') AND run_id = (
    SELECT run_id FROM scoring.scoring_runs AS run JOIN scoring.run_metrics AS pace USING (run_id)
    WHERE run.job = :job AND run.model_name = :name AND run.model_version = :version
      AND pace.metric = 'predict_rows_per_second'
    ORDER BY run_id DESC LIMIT 1)
