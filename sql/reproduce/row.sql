-- One entity's score in a run.
SELECT part, score, label, class_scores
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id AND entity_id = :entity_id
