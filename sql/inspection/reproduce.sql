-- name: rows
-- A run's scores, in the order of its parts.
SELECT run_id, part, entity_id, score, label, class_scores
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id
ORDER BY run_id, part
