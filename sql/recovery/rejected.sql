-- The rejected rows of a run, in the order in which its archive keeps them.
SELECT part, row_number, entity_id, column_name, rule, value
FROM scoring.rejected_rows
WHERE run_id = :run_id
ORDER BY part, row_number, column_name, rule
