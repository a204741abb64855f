-- The view of how scores fared says what the days until each say together, and whether the alarm is on.
CREATE OR REPLACE VIEW scoring.model_quality WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, runs.model_name, runs.model_version, runs.served_by,
       found.slice_column, found.slice_value, found.outcomes, found.coverage, found.roc_auc, found.average_precision,
       found.log_loss, found.brier, found.calibration_error, found.accuracy, found."precision", found.recall,
       found.mae, found.rmse, found.bias, found.measured_at,
       (SELECT seen.value > 0 FROM scoring.outcome_metrics AS seen
        WHERE seen.run_id = runs.run_id AND seen.slice_column = '' AND seen.metric = 'in_sample') AS in_sample,
       found.quality_evidence, found.quality_alarm
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id
CROSS JOIN LATERAL (
    SELECT one.slice_column, one.slice_value,
           -- What is no count is shown as none; the cast of it would break the view for every job.
           max(one.value) FILTER (WHERE one.metric = 'outcomes' AND one.value BETWEEN 0 AND 1e15)::bigint AS outcomes,
           max(one.value) FILTER (WHERE one.metric = 'coverage') AS coverage,
           max(one.value) FILTER (WHERE one.metric = 'roc_auc') AS roc_auc,
           max(one.value) FILTER (WHERE one.metric = 'average_precision') AS average_precision,
           max(one.value) FILTER (WHERE one.metric = 'log_loss') AS log_loss,
           max(one.value) FILTER (WHERE one.metric = 'brier') AS brier,
           max(one.value) FILTER (WHERE one.metric = 'calibration_error') AS calibration_error,
           max(one.value) FILTER (WHERE one.metric = 'accuracy') AS accuracy,
           max(one.value) FILTER (WHERE one.metric = 'precision') AS "precision",
           max(one.value) FILTER (WHERE one.metric = 'recall') AS recall,
           max(one.value) FILTER (WHERE one.metric = 'mae') AS mae,
           max(one.value) FILTER (WHERE one.metric = 'rmse') AS rmse,
           max(one.value) FILTER (WHERE one.metric = 'bias') AS bias,
           max(one.value) FILTER (WHERE one.metric = 'quality_evidence') AS quality_evidence,
           bool_or(one.value > 0) FILTER (WHERE one.metric = 'quality_alarm') AS quality_alarm,
           max(one.measured_at) AS measured_at
    FROM scoring.outcome_metrics AS one WHERE one.run_id = runs.run_id
    GROUP BY one.slice_column, one.slice_value
) AS found
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON COLUMN scoring.model_quality.quality_evidence IS
    'How strongly the days until this one say together that the model is worse than in training. At 1 it reaches the '
    'limit.';
COMMENT ON COLUMN scoring.model_quality.quality_alarm IS
    'Whether the quality alarm was on after this score date; null where it was not measured, and for groups.';
