-- name: enter
-- Enters a job's days; days that are entered already keep their time and name.
INSERT INTO scoring.retention AS kept
    (job, parts_days, rejected_values_days, superseded_days, predictions_days, metrics_days)
VALUES (:job, :parts_days, :rejected_values_days, :superseded_days, :predictions_days, :metrics_days)
ON CONFLICT (job) DO UPDATE
SET parts_days = EXCLUDED.parts_days, rejected_values_days = EXCLUDED.rejected_values_days,
    superseded_days = EXCLUDED.superseded_days, predictions_days = EXCLUDED.predictions_days,
    metrics_days = EXCLUDED.metrics_days,
    entered_at = EXCLUDED.entered_at, entered_by = EXCLUDED.entered_by
WHERE (kept.parts_days, kept.rejected_values_days, kept.superseded_days, kept.predictions_days, kept.metrics_days)
      IS DISTINCT FROM
      (EXCLUDED.parts_days, EXCLUDED.rejected_values_days, EXCLUDED.superseded_days, EXCLUDED.predictions_days,
       EXCLUDED.metrics_days)

-- name: entered
-- The days that are entered for a job.
SELECT parts_days, rejected_values_days, superseded_days, predictions_days, metrics_days
FROM scoring.retention WHERE job = :job
