-- name: broken
-- Notes that a job file cannot be used; gives a row where that is new.
INSERT INTO scoring.watched_jobs AS watched (job, broken_since) VALUES (:job, :now)
ON CONFLICT (job) DO UPDATE SET broken_since = excluded.broken_since WHERE watched.broken_since IS NULL
RETURNING job

-- name: withdrawn
-- Notes the promises that are gone from the job files, and job files that are gone.
UPDATE scoring.watched_jobs
SET withdrawn_at = CASE WHEN since IS NULL THEN withdrawn_at ELSE coalesce(withdrawn_at, :now) END, broken_since = NULL
WHERE job <> ALL (:jobs) AND (broken_since IS NOT NULL OR since IS NOT NULL AND withdrawn_at IS NULL)
