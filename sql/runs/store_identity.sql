-- name: read
-- The database itself: its id, its key, and the highest number that a run has had.
SELECT database_id, secret, CASE WHEN is_called THEN last_value ELSE 0 END AS last_run_id
FROM scoring.identity CROSS JOIN scoring.scoring_runs_run_id_seq
