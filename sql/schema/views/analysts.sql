-- Whose rows an analyst reads. The condition that the other views end with is asked once a query. A role that is no
-- analyst at all reads what it was granted, as the pipeline's does.

CREATE VIEW scoring.my_jobs WITH (security_barrier) AS
SELECT granted.job FROM scoring.analyst_jobs AS granted
WHERE to_regrole(quote_ident(granted.role)) = granted.role_id
      AND pg_has_role(to_regrole(quote_ident(granted.role)), 'USAGE');
COMMENT ON VIEW scoring.my_jobs IS
    'The jobs that whoever asks reads by name. Members of scoring_analyst read every job, and need none here.';
COMMENT ON COLUMN scoring.my_jobs.job IS 'A job that whoever asks reads by name.';
