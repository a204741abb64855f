-- name: published
-- The run that analysts see for a score date, and how many entities have a score of it.
SELECT run_id, (SELECT coalesce(sum(rows_scored - rows_erased), 0) FROM scoring.run_parts
                WHERE run_id = current.run_id) AS entities
FROM scoring.current_runs AS current
WHERE job = :job AND score_date = :score_date

-- name: enter
-- Enters a run's metrics; those of an earlier evaluation become history.
SELECT scoring.replace_outcomes(:run_id, CAST(:columns AS text[]), CAST(:values AS text[]), CAST(:metrics AS text[]),
                                CAST(:numbers AS double precision[]))
