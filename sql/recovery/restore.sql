-- name: restore_decision
-- Enters a move of the pointer into the chain of decisions, under the name of whoever restores it.
SELECT scoring.restore_rows('decisions', jsonb_build_array(
    CAST(CAST($1 AS text) AS jsonb) || jsonb_build_object('restored_as', session_user)))::text

-- name: last_run
-- The highest number of a run that was given away.
SELECT (CASE WHEN is_called THEN last_value ELSE 0 END)::text FROM scoring.scoring_runs_run_id_seq

-- name: last_move
-- The last move of a score date's pointer that the database has.
SELECT to_jsonb(move)::text FROM scoring.publications AS move
WHERE job = $1 AND score_date = CAST(CAST($2 AS text) AS date) ORDER BY published_at DESC LIMIT 1

-- name: moved
-- Whether the database has a move of the pointer.
SELECT 'true' FROM scoring.publications
WHERE run_id = $1 AND published_at = CAST(CAST($2 AS text) AS timestamptz)

-- name: point
-- Shows a score date's published run; none, where the run that was moved to last has expired since.
INSERT INTO scoring.current_runs AS shown (job, score_date, run_id)
SELECT job, score_date, run_id FROM scoring.scoring_runs
WHERE job = $1 AND score_date = CAST(CAST($2 AS text) AS date) AND status = 'published'
ON CONFLICT ON CONSTRAINT current_runs_pkey DO UPDATE SET run_id = EXCLUDED.run_id

-- name: ledger
-- The database's ledger of a run's parts.
SELECT coalesce(jsonb_agg(to_jsonb(line)), '[]')::text FROM scoring.run_parts AS line WHERE run_id = $1
