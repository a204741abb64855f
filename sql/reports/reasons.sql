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

-- name: may_read_tables
-- Whether this login may read scores and reasons that nobody has published.
SELECT bool_and(has_table_privilege(name, 'SELECT'))
FROM unnest(ARRAY['scoring.prediction_rows', 'scoring.reasons', 'scoring.contributions']) AS name

-- name: held_columns
-- What each column contributes to a held run's scores, the heaviest first.
SELECT column_name, entities, mean_size, training_size FROM scoring.contributions
WHERE run_id = :run_id AND slice = '' ORDER BY mean_size DESC, column_name

-- name: held_highest
-- The reasons of the ten highest scores of a held run.
SELECT entity_id, score, rank, column_name, value, contribution, is_certain
FROM (SELECT entity_id, score FROM scoring.prediction_rows
      WHERE score_date = :score_date AND run_id = :run_id ORDER BY score DESC, entity_id LIMIT 10) AS highest
JOIN (SELECT entity_id, rank, column_name, value, contribution, is_certain FROM scoring.reasons
      WHERE run_id = :run_id) AS why USING (entity_id)
ORDER BY score DESC, entity_id, rank
