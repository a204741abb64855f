-- What came late: the last look at the source of each run that analysts see.

CREATE VIEW scoring.late_data WITH (security_barrier) AS
SELECT runs.job, runs.score_date, runs.run_id, last.checked_at, runs.rows_scored, last.rows_now, last.rows_rejected,
       last.rows_new, last.rows_gone, last.rows_changed, last.entities_doubled, last.columns_changed
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id
CROSS JOIN LATERAL (
    SELECT one.* FROM scoring.source_checks AS one WHERE one.run_id = runs.run_id ORDER BY one.check_id DESC LIMIT 1
) AS last
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR current.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.late_data IS
    'How the source differed from the rows of a published run when it was last read again: one row a score date.';
COMMENT ON COLUMN scoring.late_data.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.late_data.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.late_data.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.late_data.checked_at IS 'When the source was last read again.';
COMMENT ON COLUMN scoring.late_data.rows_scored IS 'How many rows the run has scored.';
COMMENT ON COLUMN scoring.late_data.rows_now IS 'How many rows the job''s query gave then.';
COMMENT ON COLUMN scoring.late_data.rows_rejected IS
    'How many of them break the contract, or share their entity with another row.';
COMMENT ON COLUMN scoring.late_data.rows_new IS 'Rows that could be scored then, whose entity the run has not.';
COMMENT ON COLUMN scoring.late_data.rows_gone IS
    'Rows of the run that could not be scored any more: they are gone, rejected or doubled.';
COMMENT ON COLUMN scoring.late_data.rows_changed IS 'Rows of the run in which a feature has another value.';
COMMENT ON COLUMN scoring.late_data.entities_doubled IS 'Entities that the query gave more than once.';
COMMENT ON COLUMN scoring.late_data.columns_changed IS
    'For each feature with another value the number of rows; a feature that is not named has none.';
GRANT SELECT ON scoring.late_data TO scoring_writer, scoring_job_analyst;
