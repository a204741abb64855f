-- name: pairs
-- The scores of two runs, entity by entity, in the order of the parts: those of the second run, and where an entity
-- is not in it, those of the first.
SELECT coalesce(after.run_id, before.run_id) AS run_id, coalesce(after.part, before.part) AS part, entity_id,
       before.score AS before, after.score AS after
FROM (
    SELECT run_id, part, entity_id, score FROM scoring.prediction_rows
    WHERE score_date = :before_date AND run_id = :before
) AS before
FULL JOIN (
    SELECT run_id, part, entity_id, score FROM scoring.prediction_rows
    WHERE score_date = :after_date AND run_id = :after
) AS after USING (entity_id)
ORDER BY 1, 2
