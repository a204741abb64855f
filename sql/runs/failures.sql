-- name: last
-- The last run of a trigger, and whether it is open.
SELECT run_id, attempt, status IN ('running', 'failed') AS is_open FROM scoring.scoring_runs
WHERE job = :job AND score_date = :score_date AND trigger = :trigger AND served_by = 'model'
ORDER BY run_id DESC LIMIT 1

-- name: begin
-- Enters a run that never began, and gives its number.
INSERT INTO scoring.scoring_runs (
    job, score_date, trigger, triggered_by, attempt, dry_run, interval_start, interval_end, model_name, code_version,
    job_sha256, library_versions, pipeline_version)
VALUES (
    :job, :score_date, :trigger, :triggered_by, coalesce(:attempt, 1), :dry_run, :interval_start, :interval_end,
    :model_name, :code_version, :job_sha256, CAST(:library_versions AS jsonb),
    :pipeline_version)
RETURNING run_id
