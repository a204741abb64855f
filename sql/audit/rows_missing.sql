-- Parts whose rows in the table are not as many as the ledger says.
SELECT 'part ' || part || ': ' || coalesce(found.rows, 0) || ' rows in the table, ' || coalesce(ledger.rows_scored, 0)
       || ' in the ledger' AS problem
FROM (SELECT part, rows_scored - rows_erased AS rows_scored FROM scoring.run_parts WHERE run_id = :run_id) AS ledger
FULL JOIN (
    SELECT part, count(*) AS rows FROM scoring.prediction_rows
    WHERE score_date = :score_date AND run_id = :run_id GROUP BY part
) AS found USING (part)
WHERE found.rows IS DISTINCT FROM nullif(ledger.rows_scored, 0)
ORDER BY part
