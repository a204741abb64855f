-- name: withdrawn
-- Notes the promises that are gone from the job files, and job files that are gone.
UPDATE scoring.watched_jobs
SET withdrawn_at = CASE WHEN since IS NULL THEN withdrawn_at ELSE coalesce(withdrawn_at, :now) END, broken_since = NULL
WHERE job <> ALL (:jobs) AND (broken_since IS NOT NULL OR since IS NOT NULL AND withdrawn_at IS NULL)
