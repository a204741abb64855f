-- How unusual each published run was, and how its scores fared against the real results.

CREATE VIEW scoring.drift_history WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, runs.model_name, runs.model_version, seen.kind, seen.feature,
       seen.unusualness, seen.unusualness > 1 AS unusual, seen.psi, seen.psi_last_night, seen.missing_share,
       seen.unknown_category_share, seen.change_last_night, seen.unusualness_7_runs, seen.unusualness_28_runs
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id
CROSS JOIN LATERAL (
    SELECT 'feature' AS kind, found.feature,
           max(found.value) FILTER (WHERE found.metric = 'unusualness') AS unusualness,
           max(found.value) FILTER (WHERE found.metric = 'psi') AS psi,
           max(found.value) FILTER (WHERE found.metric = 'psi_last_night') AS psi_last_night,
           max(found.value) FILTER (WHERE found.metric = 'missing_share') AS missing_share,
           max(found.value) FILTER (WHERE found.metric = 'unknown_category_share') AS unknown_category_share,
           max(found.value) FILTER (WHERE found.metric = 'change_last_night') AS change_last_night,
           max(found.value) FILTER (WHERE found.metric = 'unusualness_7_runs') AS unusualness_7_runs,
           max(found.value) FILTER (WHERE found.metric = 'unusualness_28_runs') AS unusualness_28_runs
    FROM scoring.feature_metrics AS found WHERE found.run_id = runs.run_id GROUP BY found.feature
    UNION ALL
    SELECT 'score', NULL, max(found.value) FILTER (WHERE found.metric = 'score_unusualness'),
           max(found.value) FILTER (WHERE found.metric = 'score_psi'),
           max(found.value) FILTER (WHERE found.metric = 'score_psi_last_night'), NULL, NULL,
           max(found.value) FILTER (WHERE found.metric = 'score_change_last_night'),
           max(found.value) FILTER (WHERE found.metric = 'score_unusualness_7_runs'),
           max(found.value) FILTER (WHERE found.metric = 'score_unusualness_28_runs')
    FROM scoring.run_metrics AS found WHERE found.run_id = runs.run_id
    UNION ALL
    SELECT 'rows', NULL, max(found.value) FILTER (WHERE found.metric = 'rows_unusualness'), NULL, NULL, NULL, NULL,
           NULL, max(found.value) FILTER (WHERE found.metric = 'rows_unusualness_7_runs'),
           max(found.value) FILTER (WHERE found.metric = 'rows_unusualness_28_runs')
    FROM scoring.run_metrics AS found WHERE found.run_id = runs.run_id
) AS seen
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.drift_history IS
    'How far each published run was from the days that its model was trained on: one row a feature, one for the '
    'score, one for the number of rows.';
COMMENT ON COLUMN scoring.drift_history.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.drift_history.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.drift_history.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.drift_history.model_name IS 'The model of that run.';
COMMENT ON COLUMN scoring.drift_history.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.drift_history.kind IS '`feature`, `score` or `rows`.';
COMMENT ON COLUMN scoring.drift_history.feature IS 'The feature; null for the score and the rows.';
COMMENT ON COLUMN scoring.drift_history.unusualness IS
    'The distance to the training days, or the change since the last date where that is greater. At 1 it reaches '
    'the limit that false_alarm_rate sets.';
COMMENT ON COLUMN scoring.drift_history.unusual IS
    'Whether it is beyond the limit; null where it was not measured.';
COMMENT ON COLUMN scoring.drift_history.psi IS 'Population stability index against the training days.';
COMMENT ON COLUMN scoring.drift_history.psi_last_night IS
    'The same index against the last date that was published before.';
COMMENT ON COLUMN scoring.drift_history.missing_share IS 'The share of the extracted rows without a value.';
COMMENT ON COLUMN scoring.drift_history.unknown_category_share IS
    'The share of the extracted rows with a text that training never saw.';
COMMENT ON COLUMN scoring.drift_history.change_last_night IS
    'By how many bins the rows moved on average since the last published date; between categories every move '
    'counts 1.';
COMMENT ON COLUMN scoring.drift_history.unusualness_7_runs IS
    'The distance of the last 7 published runs together, in units of its limit; null where runs or training days are '
    'too few.';
COMMENT ON COLUMN scoring.drift_history.unusualness_28_runs IS
    'The distance of the last 28 published runs together, in units of its limit; null where runs or training days are '
    'too few.';

CREATE VIEW scoring.model_quality WITH (security_barrier) AS
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
COMMENT ON COLUMN scoring.model_quality.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.model_quality.score_date IS 'The score date whose scores were compared.';
COMMENT ON COLUMN scoring.model_quality.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.model_quality.model_name IS 'The model of that run.';
COMMENT ON COLUMN scoring.model_quality.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.model_quality.served_by IS
    '`model`, or the fallback that stands in for a run that failed.';
COMMENT ON COLUMN scoring.model_quality.slice_column IS
    'The feature that makes the groups; empty for all entities.';
COMMENT ON COLUMN scoring.model_quality.slice_value IS 'Its value; null where it is missing.';
COMMENT ON COLUMN scoring.model_quality.outcomes IS
    'Entities whose outcome was known when it was measured; null before any was.';
COMMENT ON COLUMN scoring.model_quality.coverage IS 'The share of the scored entities whose outcome was known.';
COMMENT ON COLUMN scoring.model_quality.roc_auc IS
    'Binary models: how often an entity of the positive class is scored above another; null without both.';
COMMENT ON COLUMN scoring.model_quality.average_precision IS
    'Binary models: the area under precision against recall.';
COMMENT ON COLUMN scoring.model_quality.log_loss IS
    'Classifiers: the mean of minus the logarithm of the probability that the real class got.';
COMMENT ON COLUMN scoring.model_quality.brier IS
    'Binary models: the mean squared difference of score and outcome.';
COMMENT ON COLUMN scoring.model_quality.calibration_error IS
    'Binary models: how far predicted and real rates lie apart on average, over ten bins of the score.';
COMMENT ON COLUMN scoring.model_quality.accuracy IS 'Classifiers: the share of right labels.';
COMMENT ON COLUMN scoring.model_quality."precision" IS
    'Binary models: the share of real ones among those called positive.';
COMMENT ON COLUMN scoring.model_quality.recall IS
    'Binary models: the share of the real ones that were called positive.';
COMMENT ON COLUMN scoring.model_quality.mae IS 'Regressions: the mean absolute error.';
COMMENT ON COLUMN scoring.model_quality.rmse IS 'Regressions: the root of the mean squared error.';
COMMENT ON COLUMN scoring.model_quality.bias IS 'Regressions: the mean of score less outcome.';
COMMENT ON COLUMN scoring.model_quality.measured_at IS 'When the outcomes were read.';
COMMENT ON COLUMN scoring.model_quality.in_sample IS
    'Whether the model was trained on the score date, so that its figures are too good; null where its training days '
    'are unknown.';
COMMENT ON COLUMN scoring.model_quality.quality_evidence IS
    'How strongly the days until this one say together that the model is worse than in training. At 1 it reaches the '
    'limit.';
COMMENT ON COLUMN scoring.model_quality.quality_alarm IS
    'Whether the quality alarm was on after this score date; null where it was not measured, and for groups.';
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
