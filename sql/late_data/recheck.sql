-- name: published
-- The run that analysts see of a score date.
SELECT run_id FROM scoring.current_runs WHERE job = :job AND score_date = :score_date

-- name: enter
-- Enters how the source of a published run differed when it was read again.
SELECT scoring.enter_source_check(:run_id, :rows_now, :rejected, :appeared, :gone, :changed, :doubled,
                                  CAST(:columns AS jsonb))
