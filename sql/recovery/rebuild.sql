-- name: advance
-- Lets new runs begin above a number.
SELECT setval('scoring.scoring_runs_run_id_seq', :highest) FROM scoring.scoring_runs_run_id_seq
WHERE :highest > CASE WHEN is_called THEN last_value ELSE 0 END

-- name: has_erasure
-- Whether the database has an erasure's receipt.
SELECT EXISTS (SELECT FROM scoring.erasures
               WHERE erasure_id = :erasure_id AND erased_at = CAST(:erased_at AS timestamptz))

-- name: restore_erasure
-- Enters an erasure's receipt, and lets new ones begin above it.
SELECT scoring.restore_rows('erasures', CAST(:value AS jsonb)),
       setval('scoring.erasures_erasure_id_seq', greatest(:number, nextval('scoring.erasures_erasure_id_seq')))
