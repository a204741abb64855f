-- name: lacking
-- Gives the rights on the schema that the role lacks, as one text; empty where it lacks none.
SELECT coalesce(string_agg(needed, ', '), '') FROM (VALUES
    ('INSERT on scoring.prediction_rows', has_table_privilege('scoring.prediction_rows', 'INSERT')),
    ('UPDATE on scoring.scoring_runs', has_any_column_privilege('scoring.scoring_runs', 'UPDATE')),
    ('EXECUTE on scoring.ensure_partition', has_function_privilege('scoring.ensure_partition(date)', 'EXECUTE')),
    ('EXECUTE on scoring.publish', has_function_privilege('scoring.publish(bigint, text, text)', 'EXECUTE'))
) AS rights (needed, granted) WHERE NOT granted
