-- name: key
-- Enters a run's idempotency key: the digest of all that decides its scores.
UPDATE scoring.scoring_runs
SET idempotency_key = encode(sha256(convert_to(concat_ws(' ', job, score_date, input_sha256, model_sha256,
                                                         code_version, query_sha256, job_sha256,
                                                         nullif(served_by, 'model')), 'UTF8')), 'hex')
WHERE run_id = :run_id AND status IN ('running', 'failed')

-- name: twin
-- The published run that has the same key as this one, if there is one.
SELECT twin.run_id, twin.job, twin.score_date
FROM scoring.scoring_runs AS run JOIN scoring.scoring_runs AS twin USING (idempotency_key)
WHERE run.run_id = :run_id AND NOT run.dry_run AND twin.run_id <> run.run_id AND twin.status = 'published'
