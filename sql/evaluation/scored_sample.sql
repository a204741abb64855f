-- name: scores
-- A run's scores in the order of its parts: all of them, or those of a sample that is the same at every evaluation,
-- and in which an entity stays that is in it on one score date and on the next.
SELECT run_id, part, entity_id, score, label, class_scores
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id AND abs(hashtextextended(entity_id, 0) % 1000000) < :millionths
ORDER BY part
