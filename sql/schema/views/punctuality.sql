-- What became of each score date that fell due, held against its promise.

CREATE VIEW scoring.punctuality WITH (security_barrier) AS
SELECT due.job, due.score_date, due.due_at, due.promised_at, own.published_at,
       CASE WHEN own.published_at <= due.promised_at THEN 'published'
            WHEN own.published_at IS NOT NULL THEN 'published_late'
            -- A person may give that as the reason of a rejection, which is no empty date.
            WHEN last.status = 'abandoned' AND last.decided_by IS NULL AND last.status_reason LIKE '%gave no rows'
                THEN 'empty'
            WHEN watched.withdrawn_at IS NOT NULL THEN 'withdrawn'
            WHEN tries.held THEN 'held'
            WHEN tries.served THEN 'fallback'
            WHEN last.status = 'abandoned' AND last.decided_by IS NOT NULL THEN 'rejected'
            WHEN last.status IN ('failed', 'abandoned') THEN 'failed'
            WHEN now() <= due.promised_at THEN 'due'
            WHEN last.status = 'running' THEN 'late'
            WHEN EXISTS (SELECT FROM scoring.due_dates AS later
                         JOIN scoring.scoring_runs AS run
                           ON run.job = later.job AND run.score_date = later.score_date AND NOT run.dry_run
                         WHERE later.job = due.job AND later.due_at > due.due_at) THEN 'skipped'
            ELSE 'missing' END AS status,
       last.run_id
FROM scoring.due_dates AS due
JOIN scoring.watched_jobs AS watched ON watched.job = due.job
CROSS JOIN LATERAL (
    SELECT min(run.published_at) AS published_at FROM scoring.scoring_runs AS run
    WHERE run.job = due.job AND run.score_date = due.score_date AND run.served_by = 'model'
) AS own
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(run.status = 'held'), false) AS held,
           coalesce(bool_or(run.served_by <> 'model' AND run.published_at IS NOT NULL), false) AS served
    FROM scoring.scoring_runs AS run
    WHERE run.job = due.job AND run.score_date = due.score_date AND NOT run.dry_run
) AS tries
LEFT JOIN LATERAL (
    SELECT run.run_id, run.status, run.status_reason, run.decided_by FROM scoring.scoring_runs AS run
    WHERE run.job = due.job AND run.score_date = due.score_date AND NOT run.dry_run AND run.served_by = 'model'
    ORDER BY run.run_id DESC LIMIT 1
) AS last ON true
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR due.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.punctuality IS
    'Whether each score date that fell due was published in time, of the jobs with a promise.';
COMMENT ON COLUMN scoring.punctuality.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.punctuality.score_date IS 'The day whose rows are scored.';
COMMENT ON COLUMN scoring.punctuality.due_at IS 'When its run was due, by the job''s schedule.';
COMMENT ON COLUMN scoring.punctuality.promised_at IS 'Until when it was to be published.';
COMMENT ON COLUMN scoring.punctuality.published_at IS
    'When the model''s own scores were first published; null while they are not.';
COMMENT ON COLUMN scoring.punctuality.status IS
    '`published`, `published_late`, `empty`, `due`, `late`, `missing`, `skipped`, `held`, `failed`, `rejected`, '
    '`fallback` or `withdrawn`.';
COMMENT ON COLUMN scoring.punctuality.run_id IS 'The last run of the score date; null where none has begun.';
GRANT SELECT ON scoring.punctuality TO scoring_writer, scoring_job_analyst, scoring_watcher;
