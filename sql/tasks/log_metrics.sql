-- name: run_metric
-- Enters a metric of a run.
INSERT INTO scoring.run_metrics (run_id, metric, value) VALUES (:run_id, :metric, :value)
ON CONFLICT (run_id, metric) DO UPDATE SET value = EXCLUDED.value

-- name: feature_metric
-- Enters a metric of a feature of a run.
INSERT INTO scoring.feature_metrics (run_id, feature, metric, value) VALUES (:run_id, :feature, :metric, :value)
ON CONFLICT (run_id, feature, metric) DO UPDATE SET value = EXCLUDED.value

-- name: profile
-- Enters a bin of the profile of a run.
INSERT INTO scoring.profiles (run_id, column_name, bin, label, count)
VALUES (:run_id, :column_name, :bin, :label, :count)
ON CONFLICT (run_id, column_name, bin) DO UPDATE SET label = EXCLUDED.label, count = EXCLUDED.count

-- name: scored
-- Enters what the gate found in a run, where it is open.
UPDATE scoring.scoring_runs SET rows_scored = :rows, findings = CAST(:findings AS jsonb), scored_at = now()
WHERE run_id = :run_id AND status IN ('running', 'failed')
