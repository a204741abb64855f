-- The entity of a run that follows a name in the order of names, or the last where none does.
SELECT coalesce(min(entity_id) FILTER (WHERE entity_id > :entity_id), max(entity_id)) AS entity_id
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id
