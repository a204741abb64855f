-- name: begin
-- Opens a run, and gives its number.
INSERT INTO scoring.scoring_runs (
    job, score_date, trigger, dry_run, interval_start, interval_end, model_name, model_version, model_sha256,
    code_version, query_sha256, job_sha256, library_versions, model_named, attempt, served_by, triggered_by,
    pipeline_version, ready_sha256)
VALUES (
    :job, :score_date, :trigger, :dry_run, :interval_start, :interval_end, :model_name, :model_version, :model_sha256,
    :code_version, :query_sha256, :job_sha256, CAST(:library_versions AS jsonb), :model_named, :attempt,
    :served_by, :triggered_by, :pipeline_version, :ready_sha256)
RETURNING run_id

-- name: classes
-- Enters the names of a model's classes, unless they are there.
INSERT INTO scoring.model_classes (model_sha256, classes) VALUES (:model_sha256, :classes) ON CONFLICT DO NOTHING

-- name: classes_of
-- The names of a model's classes.
SELECT classes FROM scoring.model_classes WHERE model_sha256 = :model_sha256

-- name: later
-- The run on which a later try of the same trigger is at work.
-- A try that stood still before it began a run would else take over from the one that was started in its place. Once
-- that one has ended, a lower number is no late try: Airflow counts anew when a DAG run is deleted and made again.
SELECT run_id, attempt FROM scoring.scoring_runs
WHERE job = :job AND score_date = :score_date AND trigger = :trigger AND attempt > :attempt
  AND status = 'running'
ORDER BY run_id DESC LIMIT 1

-- name: take_over
-- Abandons the unfinished runs of earlier tries of the same trigger.
UPDATE scoring.scoring_runs SET status = 'abandoned', status_reason = 'taken over by run ' || :run_id
WHERE job = :job AND score_date = :score_date AND trigger = :trigger AND run_id < :run_id
  AND status IN ('running', 'failed', 'held')

-- name: part
-- Enters a part of a run.
INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, input_sha256)
VALUES (:run_id, :part, :rows_extracted, :rows_rejected, :input_sha256)

-- name: extracted
-- Enters what a run has extracted: the sums over its parts, and the digest of them all.
UPDATE scoring.scoring_runs AS run
SET extracted_at = now(), input_sha256 = :input_sha256, parts = total.parts,
    rows_extracted = total.rows_extracted, rows_rejected = total.rows_rejected
FROM (SELECT count(*) AS parts, coalesce(sum(rows_extracted), 0) AS rows_extracted,
             coalesce(sum(rows_rejected), 0) AS rows_rejected
      FROM scoring.run_parts WHERE run_id = :run_id) AS total
WHERE run.run_id = :run_id

-- name: close
-- Ends an open run without publishing it.
UPDATE scoring.scoring_runs SET status = :status, status_reason = :reason
WHERE run_id = :run_id AND status IN ('running', 'failed')

-- name: resume
-- Goes on with a run that has failed.
UPDATE scoring.scoring_runs SET status = 'running', status_reason = NULL WHERE run_id = :run_id AND status = 'failed'
