-- The entities whose scores differ most between two runs.
SELECT entity_id, before, after
FROM (
    SELECT entity_id, min(score) FILTER (WHERE run_id = :before) AS before,
           min(score) FILTER (WHERE run_id = :after) AS after
    FROM scoring.prediction_rows
    WHERE score_date IN (:before_date, :after_date) AND run_id IN (:before, :after)
    GROUP BY entity_id
) AS pairs
WHERE before <> after
ORDER BY abs(after - before) DESC, entity_id
LIMIT :top
