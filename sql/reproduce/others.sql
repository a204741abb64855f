-- Other runs of a night that scored an entity.
SELECT DISTINCT run_id
FROM scoring.prediction_rows
WHERE score_date = :score_date AND job = :job AND entity_id = :entity_id
ORDER BY run_id
