-- Entities that the query named more than once.
SELECT 'entity ' || entity_id || ': ' || count(*) || ' rows' AS problem
FROM scoring.prediction_rows
WHERE score_date = :score_date AND run_id = :run_id
GROUP BY entity_id HAVING count(*) > 1
ORDER BY count(*) DESC, entity_id
