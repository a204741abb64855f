-- What a run rejected, and what its checks found unusual.

-- How many rows a run rejected, and by which rules, is known of every run. Whom, of published ones only.
CREATE VIEW scoring.rejections WITH (security_barrier) AS
SELECT runs.job, runs.score_date, rejected.run_id, rejected.row_number,
       CASE WHEN runs.published_at IS NOT NULL AND runs.expired_at IS NULL THEN rejected.entity_id END AS entity_id,
       rejected.column_name, rejected.rule
FROM scoring.rejected_rows AS rejected JOIN scoring.scoring_runs AS runs USING (run_id)
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR runs.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.rejections IS
    'Which rows were not scored and why, without the values that broke the rules.';
COMMENT ON COLUMN scoring.rejections.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.rejections.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.rejections.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.rejections.row_number IS 'Which row of the query''s result it was, counted from 0.';
COMMENT ON COLUMN scoring.rejections.entity_id IS
    'Which entity the row named; null too while the run is not published, and when it has expired.';
COMMENT ON COLUMN scoring.rejections.column_name IS
    'The column whose value broke the rule; `(model)` where the model itself raised.';
COMMENT ON COLUMN scoring.rejections.rule IS
    'The rule of the contract that was broken; `model_error` where the model itself raised.';

CREATE VIEW scoring.findings WITH (security_barrier) AS
SELECT run.run_id, found.check AS check_name, found.action, found.message
FROM scoring.scoring_runs AS run
CROSS JOIN LATERAL jsonb_to_recordset(run.findings) AS found ("check" text, action text, message text)
WHERE (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
      OR run.job IN (SELECT mine.job FROM scoring.my_jobs AS mine);
COMMENT ON VIEW scoring.findings IS 'What the gate''s checks found unusual in a run, one row a finding.';
COMMENT ON COLUMN scoring.findings.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.findings.check_name IS 'The check of the job''s gate, such as `volume` or `drift`.';
COMMENT ON COLUMN scoring.findings.action IS
    'What the job file says of the check: warn (published all the same) or hold (a person decided, see the run).';
COMMENT ON COLUMN scoring.findings.message IS 'What was found, in a sentence.';
