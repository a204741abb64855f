-- What jobs owe by their promises, as `scoring watch` notes it: the job files say when a score date is due. Rights stand
-- here and in views/punctuality.sql, so that a revision can run these files.

CREATE TABLE scoring.watched_jobs (
    job          text        PRIMARY KEY,
    since        timestamptz CHECK (since BETWEEN '1900-01-01 00:00Z' AND '9000-01-01 00:00Z'),
    withdrawn_at timestamptz CHECK (withdrawn_at BETWEEN '1900-01-01 00:00Z' AND '9000-01-01 00:00Z'),
    broken_since timestamptz CHECK (broken_since BETWEEN '1900-01-01 00:00Z' AND '9000-01-01 00:00Z')
);
COMMENT ON TABLE scoring.watched_jobs IS
    'The jobs that are watched, one row each. A watch locks the row while it looks, so that two send one message.';
COMMENT ON COLUMN scoring.watched_jobs.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.watched_jobs.since IS 'From when on its promise counts; null where it has none.';
COMMENT ON COLUMN scoring.watched_jobs.withdrawn_at IS
    'When the promise was seen to be gone from the job file; null while it stands there.';
COMMENT ON COLUMN scoring.watched_jobs.broken_since IS
    'Since when the job file cannot be used; null while it can.';

CREATE TABLE scoring.due_dates (
    job         text        NOT NULL,
    score_date  date        NOT NULL,
    due_at      timestamptz NOT NULL CHECK (due_at BETWEEN '1900-01-01 00:00Z' AND '9000-01-01 00:00Z'),
    promised_at timestamptz NOT NULL CHECK (promised_at BETWEEN '1900-01-01 00:00Z' AND '9000-01-01 00:00Z'),
    incident    date,
    told        text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (job, score_date),
    CHECK (promised_at > due_at)
);
COMMENT ON TABLE scoring.due_dates IS
    'Score dates that fell due, each with the promise of that moment. The view `punctuality` says what became of them.';
COMMENT ON COLUMN scoring.due_dates.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.due_dates.score_date IS 'The day whose rows are scored.';
COMMENT ON COLUMN scoring.due_dates.due_at IS 'When its run was due, by the job''s schedule.';
COMMENT ON COLUMN scoring.due_dates.promised_at IS 'Until when it was to be published.';
COMMENT ON COLUMN scoring.due_dates.incident IS
    'The first score date of the incident that people were told of; null where nothing is open.';
COMMENT ON COLUMN scoring.due_dates.told IS 'Which causes of that incident people were told of.';

GRANT USAGE ON SCHEMA scoring TO scoring_watcher;
DO $$
BEGIN
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM scoring_watcher', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO scoring_watcher', current_database());
    END IF;
END $$;
GRANT SELECT ON scoring.watched_jobs, scoring.due_dates, scoring.alerts TO scoring_watcher;
GRANT SELECT (run_id, job, dry_run, started_at, status_reason) ON scoring.scoring_runs TO scoring_watcher;
GRANT INSERT ON scoring.watched_jobs, scoring.alerts TO scoring_watcher;
GRANT INSERT (job, score_date, due_at, promised_at) ON scoring.due_dates TO scoring_watcher;
GRANT UPDATE (since, withdrawn_at, broken_since) ON scoring.watched_jobs TO scoring_watcher;
GRANT UPDATE (incident, told) ON scoring.due_dates TO scoring_watcher;
-- As the pipeline's: what a message was about stays.
GRANT UPDATE (body, repeated, reached, tries, sent_at, last_error) ON scoring.alerts TO scoring_watcher;
GRANT EXECUTE ON FUNCTION scoring.require_date TO scoring_watcher;
-- Airflow's own look at the job files, which tells people of a broken one where no watch does.
GRANT SELECT, INSERT (job, broken_since), UPDATE (broken_since) ON scoring.watched_jobs TO scoring_writer;
