-- Parts of the run that are not written, or do not add up: extracted = scored + rejected.
SELECT 'part ' || part || ': ' || rows_extracted || ' extracted, ' || coalesce(rows_scored::text, 'none')
       || ' scored, ' || rows_rejected || ' rejected' AS problem
FROM scoring.run_parts
WHERE run_id = :run_id AND (rows_scored IS NULL OR rows_extracted <> rows_scored + rows_rejected)
ORDER BY part
