-- Who reads some jobs by name.

CREATE TABLE scoring.analyst_jobs (
    role       text        NOT NULL,
    job        text        NOT NULL,
    role_id    oid         NOT NULL,
    granted_by text        NOT NULL DEFAULT session_user,
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role, job)
);
COMMENT ON TABLE scoring.analyst_jobs IS
    'Which jobs a role reads that is no member of scoring_analyst, whose members read every job.';
COMMENT ON COLUMN scoring.analyst_jobs.role IS 'A login, or a group of logins.';
COMMENT ON COLUMN scoring.analyst_jobs.job IS 'A job that the role reads.';
COMMENT ON COLUMN scoring.analyst_jobs.role_id IS
    'The number of the role on this server. A later role of the same name has another, and reads nothing by this '
    'line.';
COMMENT ON COLUMN scoring.analyst_jobs.granted_by IS 'The login that granted it.';
COMMENT ON COLUMN scoring.analyst_jobs.granted_at IS 'When it was granted.';
