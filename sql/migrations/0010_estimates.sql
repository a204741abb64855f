-- The view of how scores fared has what was estimated before outcomes, and clean-up takes what estimates learn from.
CREATE OR REPLACE VIEW scoring.model_quality WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, runs.model_name, runs.model_version, runs.served_by,
       found.slice_column, found.slice_value, found.outcomes, found.coverage, found.roc_auc, found.average_precision,
       found.log_loss, found.brier, found.calibration_error, found.accuracy, found."precision", found.recall,
       found.mae, found.rmse, found.bias, found.measured_at,
       (SELECT seen.value > 0 FROM scoring.outcome_metrics AS seen
        WHERE seen.run_id = runs.run_id AND seen.slice_column = '' AND seen.metric = 'in_sample') AS in_sample,
       found.quality_evidence, found.quality_alarm,
       found.estimated_log_loss, found.estimated_log_loss_low, found.estimated_log_loss_high,
       found.estimated_brier, found.estimated_brier_low, found.estimated_brier_high,
       found.estimated_roc_auc, found.estimated_roc_auc_low, found.estimated_roc_auc_high,
       found.estimated_accuracy, found.estimated_accuracy_low, found.estimated_accuracy_high,
       found.estimate_runs
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
           max(one.value) FILTER (WHERE one.metric = 'estimated_log_loss') AS estimated_log_loss,
           max(one.value) FILTER (WHERE one.metric = 'estimated_log_loss_low') AS estimated_log_loss_low,
           max(one.value) FILTER (WHERE one.metric = 'estimated_log_loss_high') AS estimated_log_loss_high,
           max(one.value) FILTER (WHERE one.metric = 'estimated_brier') AS estimated_brier,
           max(one.value) FILTER (WHERE one.metric = 'estimated_brier_low') AS estimated_brier_low,
           max(one.value) FILTER (WHERE one.metric = 'estimated_brier_high') AS estimated_brier_high,
           max(one.value) FILTER (WHERE one.metric = 'estimated_roc_auc') AS estimated_roc_auc,
           max(one.value) FILTER (WHERE one.metric = 'estimated_roc_auc_low') AS estimated_roc_auc_low,
           max(one.value) FILTER (WHERE one.metric = 'estimated_roc_auc_high') AS estimated_roc_auc_high,
           max(one.value) FILTER (WHERE one.metric = 'estimated_accuracy') AS estimated_accuracy,
           max(one.value) FILTER (WHERE one.metric = 'estimated_accuracy_low') AS estimated_accuracy_low,
           max(one.value) FILTER (WHERE one.metric = 'estimated_accuracy_high') AS estimated_accuracy_high,
           max(one.value) FILTER (WHERE one.metric = 'estimate_runs' AND one.value BETWEEN 0 AND 1e9)::integer AS estimate_runs,
           max(one.measured_at) AS measured_at
    FROM (
        SELECT measured.slice_column, measured.slice_value, measured.metric, measured.value, measured.measured_at
        FROM scoring.outcome_metrics AS measured WHERE measured.run_id = runs.run_id
        UNION ALL
        -- Before outcomes there is an estimate alone.
        SELECT '', '', own.metric, own.value, NULL
        FROM scoring.run_metrics AS own WHERE own.run_id = runs.run_id AND starts_with(own.metric, 'estimate')
    ) AS one
    GROUP BY one.slice_column, one.slice_value
) AS found
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.model_quality IS
    'How published scores compare with their outcomes, and what was estimated before: one row for all entities, '
    'where slice_column is empty, and one for each group of the job''s slices.';
COMMENT ON COLUMN scoring.model_quality.outcomes IS
    'Entities whose outcome was known when it was measured; null before any was.';
COMMENT ON COLUMN scoring.model_quality.estimated_log_loss IS
    'Binary models: the log loss that was expected before outcomes; null where the estimate was withheld.';
COMMENT ON COLUMN scoring.model_quality.estimated_log_loss_low IS
    'Where the interval begins that holds the log loss of nine runs in ten.';
COMMENT ON COLUMN scoring.model_quality.estimated_log_loss_high IS 'Where that interval ends.';
COMMENT ON COLUMN scoring.model_quality.estimated_brier IS
    'Binary models: the Brier score that was expected before outcomes; null where the estimate was withheld.';
COMMENT ON COLUMN scoring.model_quality.estimated_brier_low IS
    'Where the interval begins that holds the Brier score of nine runs in ten.';
COMMENT ON COLUMN scoring.model_quality.estimated_brier_high IS 'Where that interval ends.';
COMMENT ON COLUMN scoring.model_quality.estimated_roc_auc IS
    'Binary models: the ROC AUC that was expected before outcomes; null where the estimate was withheld.';
COMMENT ON COLUMN scoring.model_quality.estimated_roc_auc_low IS
    'Where the interval begins that holds the ROC AUC of nine runs in ten.';
COMMENT ON COLUMN scoring.model_quality.estimated_roc_auc_high IS 'Where that interval ends.';
COMMENT ON COLUMN scoring.model_quality.estimated_accuracy IS
    'Binary models: the accuracy that was expected before outcomes; null where the estimate was withheld.';
COMMENT ON COLUMN scoring.model_quality.estimated_accuracy_low IS
    'Where the interval begins that holds the accuracy of nine runs in ten.';
COMMENT ON COLUMN scoring.model_quality.estimated_accuracy_high IS 'Where that interval ends.';
COMMENT ON COLUMN scoring.model_quality.estimate_runs IS
    'From how many measured runs it was estimated; below 20 the estimate is withheld.';

CREATE OR REPLACE FUNCTION scoring.expire_metrics(run bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
    place text;
    deleted bigint;
    gone bigint := 0;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    PERFORM scoring.lock_night(entry.job, entry.score_date);
    -- Whoever measures outcomes waits, and sees what was done.
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF NOT scoring.metrics_due(entry) THEN RETURN 0; END IF;
    FOREACH place IN ARRAY ARRAY['run_metrics', 'feature_metrics', 'profiles', 'outcome_metrics',
                                 'outcome_metrics_history', 'outcome_bins', 'source_checks'] LOOP
        EXECUTE format('DELETE FROM scoring.%I WHERE run_id = $1', place) USING run;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        gone := gone + deleted;
    END LOOP;
    -- Their text went when they were sent. What this run was about is not told again: nobody goes on with it.
    DELETE FROM scoring.alerts AS alert USING scoring.retention AS kept
    WHERE alert.run_id = run AND kept.job = entry.job
      AND alert.sent_at < now() - make_interval(days => kept.metrics_days);
    UPDATE scoring.scoring_runs SET metrics_pruned_at = now() WHERE run_id = run;
    RETURN gone;
END $$;
