-- name: wipe_scores
-- Removes a run's scores.
DELETE FROM scoring.prediction_rows USING scoring.scoring_runs AS run
WHERE run.run_id = $1 AND prediction_rows.run_id = run.run_id AND prediction_rows.score_date = run.score_date
