-- name: previous
-- The profile of the run that analysts see for the last score date before, bin by bin.
SELECT previous.score_date, profile.column_name, profile.label, profile.count AS rows
FROM (
    SELECT score_date, run_id FROM scoring.current_runs
    WHERE job = :job AND score_date < :score_date
    ORDER BY score_date DESC LIMIT 1
) AS previous
JOIN scoring.profiles AS profile USING (run_id)
ORDER BY profile.column_name, profile.bin
