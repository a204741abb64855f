-- name: row
-- One entity's score in a run.
SELECT part, score, label, class_scores
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id AND entity_id = :entity_id

-- name: rejections
-- The rules by which an entity's row was rejected in a run.
SELECT DISTINCT row_number, column_name, rule
FROM scoring.rejected_rows
WHERE run_id = :run_id AND entity_id = :entity_id
ORDER BY row_number, column_name, rule

-- name: others
-- Other runs of a score date that scored an entity.
SELECT DISTINCT run_id
FROM scoring.prediction_rows
WHERE score_date = :score_date AND entity_id = :entity_id
  AND run_id IN (SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND score_date = :score_date)
ORDER BY run_id

-- name: nearest
-- The entity of a run that follows a name in the order of names, or the last where none does.
SELECT coalesce(min(entity_id) FILTER (WHERE entity_id > :entity_id), max(entity_id)) AS entity_id
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id
