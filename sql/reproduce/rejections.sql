-- The rules by which an entity's row was rejected in a run.
SELECT DISTINCT row_number, column_name, rule
FROM scoring.rejected_rows
WHERE run_id = :run_id AND entity_id = :entity_id
ORDER BY row_number, column_name, rule
