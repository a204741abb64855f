-- name: columns
-- What each column contributes to a published run's scores, the heaviest first.
SELECT column_name, entities, mean_size, training_size FROM scoring.column_contributions
WHERE run_id = :run_id AND slice = '' ORDER BY mean_size DESC, column_name

-- name: highest
-- The reasons of the ten highest scores of a run that analysts see.
SELECT entity_id, score, rank, column_name, value, contribution, is_certain
FROM (SELECT entity_id, score FROM scoring.predictions
      WHERE job = :job AND score_date = :score_date AND run_id = :run_id
      ORDER BY score DESC, entity_id LIMIT 10) AS highest
JOIN (SELECT entity_id, rank, column_name, value, contribution, is_certain FROM scoring.prediction_reasons
      WHERE job = :job AND score_date = :score_date AND run_id = :run_id) AS why USING (entity_id)
ORDER BY score DESC, entity_id, rank
