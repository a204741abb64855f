-- name: claim
-- Claims a part for writing, and gives its number; nothing where another try has written it.
UPDATE scoring.run_parts SET rows_scored = $1, scored_sha256 = $2, written_at = now()
WHERE run_id = $3 AND part = $4 AND rows_scored IS NULL RETURNING part
