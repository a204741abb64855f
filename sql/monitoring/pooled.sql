-- name: past_runs
-- The runs that analysts see for the last score dates before, by the same model and none of its training days, newest
-- first: their rows unless these were unusual, and in what they were unusual with the runs before them.
SELECT run.run_id, run.score_date,
       CASE WHEN NOT EXISTS (
           SELECT FROM scoring.run_metrics AS seen
           WHERE seen.run_id = run.run_id AND seen.metric = 'rows_unusualness' AND seen.value > 1
       ) THEN run.rows_scored END AS usual_rows,
       ARRAY(SELECT seen.feature FROM scoring.feature_metrics AS seen
             WHERE seen.run_id = run.run_id AND seen.metric LIKE 'unusualness\__%\_runs' AND seen.value > 1
             GROUP BY seen.feature) AS features,
       ARRAY(SELECT split_part(seen.metric, '_', 1) FROM scoring.run_metrics AS seen
             WHERE seen.run_id = run.run_id AND seen.metric LIKE '%\_unusualness\__%\_runs' AND seen.value > 1
             GROUP BY 1) AS whole
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run USING (run_id)
WHERE current.job = :job AND current.score_date < :score_date AND current.score_date > :after
      AND run.served_by = 'model' AND run.metrics_pruned_at IS NULL
      AND run.model_name = :model_name AND run.model_version = :model_version AND run.model_sha256 = :model_sha256
      AND run.score_date <> ALL (CAST(:training_days AS date[]))
ORDER BY current.score_date DESC
LIMIT :most

-- name: pooled
-- The rows of these runs in each bin, where the column was not unusual in the run by itself, and how many runs these are.
SELECT profile.column_name, profile.bin, profile.label, sum(profile.count)::bigint AS rows, count(*) AS runs
FROM scoring.profiles AS profile
WHERE profile.run_id = ANY (:run_ids)
      AND NOT EXISTS (
          SELECT FROM scoring.feature_metrics AS seen
          WHERE seen.run_id = profile.run_id AND seen.feature = profile.column_name
                AND seen.metric = 'unusualness' AND seen.value > 1)
      AND NOT (profile.column_name = '' AND EXISTS (
          SELECT FROM scoring.run_metrics AS seen
          WHERE seen.run_id = profile.run_id AND seen.metric = 'score_unusualness' AND seen.value > 1))
GROUP BY profile.column_name, profile.bin, profile.label
ORDER BY profile.column_name, profile.bin
