-- Other runs of a night that scored an entity.
SELECT DISTINCT run_id
FROM scoring.prediction_rows
WHERE score_date = :score_date AND entity_id = :entity_id
  AND run_id IN (SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND score_date = :score_date)
ORDER BY run_id
