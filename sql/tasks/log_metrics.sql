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
-- Enters what was scored of a run and what the gate found in it, where it is open; its parts know what was rejected.
UPDATE scoring.scoring_runs
SET rows_scored = :rows, findings = CAST(:findings AS jsonb), scored_at = now(),
    rows_rejected = (SELECT coalesce(sum(part.rows_rejected), 0) FROM scoring.run_parts AS part WHERE part.run_id = :run_id)
WHERE run_id = :run_id AND status IN ('running', 'failed')
