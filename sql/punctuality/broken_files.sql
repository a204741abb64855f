-- name: before
-- Who got messages of a job within a year.
SELECT DISTINCT recipient FROM scoring.alerts WHERE job = :job AND raised_at > now() - interval '1 year'

-- name: broken
-- Notes that a job file cannot be used; gives a row where that is new.
INSERT INTO scoring.watched_jobs AS watched (job, broken_since) VALUES (:job, :now)
ON CONFLICT (job) DO UPDATE SET broken_since = excluded.broken_since WHERE watched.broken_since IS NULL
RETURNING job

-- name: broken_since
-- Since when a job file cannot be used.
SELECT broken_since FROM scoring.watched_jobs WHERE job = :job
