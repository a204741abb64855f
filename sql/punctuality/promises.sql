-- name: watch
-- Enters a job that is watched from now on, or from its first run where that is earlier; gives nothing where it is known.
INSERT INTO scoring.watched_jobs (job, since)
SELECT :job, least(CAST(:now AS timestamptz), (SELECT min(run.started_at) FROM scoring.scoring_runs AS run
                                               WHERE run.job = :job AND NOT run.dry_run))
ON CONFLICT (job) DO NOTHING

-- name: lock
-- A watched job, locked until the transaction ends.
SELECT since, withdrawn_at, broken_since FROM scoring.watched_jobs WHERE job = :job FOR UPDATE

-- name: resume
-- Has a promise count from now on that was not in the job file; a job that was never watched, from its first run.
UPDATE scoring.watched_jobs
SET since = CASE WHEN since IS NOT NULL THEN CAST(:now AS timestamptz)
                 ELSE least(CAST(:now AS timestamptz), (SELECT min(run.started_at) FROM scoring.scoring_runs AS run
                                                        WHERE run.job = :job AND NOT run.dry_run)) END,
    withdrawn_at = NULL
WHERE job = :job AND (since IS NULL OR withdrawn_at IS NOT NULL)

-- name: forget
-- Has nobody told of anything: what is not kept of a promise that is back is news.
UPDATE scoring.due_dates SET incident = NULL, told = '{}' WHERE job = :job AND incident IS NOT NULL

-- name: broken
-- The jobs whose files could not be used when they were last looked at.
SELECT job FROM scoring.watched_jobs WHERE broken_since IS NOT NULL

-- name: mended
-- Notes that a job file can be used again.
UPDATE scoring.watched_jobs SET broken_since = NULL WHERE job = :job AND broken_since IS NOT NULL

-- name: last_due
-- When the job's last score date that is noted was due; what a clock that went ahead has noted does not count.
SELECT max(due_at) FROM scoring.due_dates WHERE job = :job AND due_at <= :now

-- name: due
-- Enters a score date that fell due; what it was promised at that moment stays.
INSERT INTO scoring.due_dates (job, score_date, due_at, promised_at)
VALUES (:job, :score_date, :due_at, :promised_at) ON CONFLICT DO NOTHING

-- name: dates
-- What became of a job's score dates, in the order in which they fell due.
SELECT seen.score_date, seen.due_at, seen.promised_at, seen.status, seen.run_id, run.status_reason AS reason,
       due.incident, due.told
FROM scoring.punctuality AS seen
JOIN scoring.due_dates AS due USING (job, score_date)
LEFT JOIN scoring.scoring_runs AS run ON run.run_id = seen.run_id
WHERE seen.job = :job AND due.due_at > :after
ORDER BY seen.due_at, seen.score_date

-- name: tell
-- Notes what people are told of a score date.
UPDATE scoring.due_dates SET incident = :incident, told = :told WHERE job = :job AND score_date = :score_date
