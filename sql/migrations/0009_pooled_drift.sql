-- The view of drift says how unusual the last 7 and 28 published runs are, taken together.
CREATE OR REPLACE VIEW scoring.drift_history WITH (security_barrier) AS
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
COMMENT ON COLUMN scoring.drift_history.unusualness_7_runs IS
    'The distance of the last 7 published runs together, in units of its limit; null where runs or training days are '
    'too few.';
COMMENT ON COLUMN scoring.drift_history.unusualness_28_runs IS
    'The distance of the last 28 published runs together, in units of its limit; null where runs or training days are '
    'too few.';
