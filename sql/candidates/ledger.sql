-- name: enter
-- Enters a candidate, and gives its number; what the same trigger has entered of the same job and artefact is it again,
-- also what it enters at this moment: a statement of its own would not see that row.
INSERT INTO scoring.model_candidates AS entered (
    job, model, manifest, card, files, training_start, training_end, rows, data_sha256, query, query_sha256,
    outcomes_sha256, function, code_sha256, code_version, job_sha256, evaluation, trained_by)
VALUES (:job, :model, :manifest, :card, CAST(:files AS jsonb), CAST(:training_start AS date),
        CAST(:training_end AS date), :rows, :data_sha256, :query, :query_sha256, :outcomes_sha256, :function,
        :code_sha256, :code_version, :job_sha256, CAST(:evaluation AS jsonb), :trained_by)
ON CONFLICT (job, trained_by, artefact_sha256) DO UPDATE SET status = entered.status RETURNING candidate

-- name: listed
-- Candidates of a job, or of every job, the newest first.
SELECT candidate AS number, job, model, manifest, card, files, training_start, training_end, rows, data_sha256, query,
       query_sha256, outcomes_sha256, function, code_sha256, code_version, job_sha256, evaluation, status, adopted_as,
       trained_by, created_at
FROM scoring.model_candidates
WHERE CAST(:job AS text) IS NULL OR job = :job
ORDER BY candidate DESC LIMIT :limit

-- name: named
-- The candidate of that number, where it is the job's.
SELECT candidate AS number, job, model, manifest, card, files, training_start, training_end, rows, data_sha256, query,
       query_sha256, outcomes_sha256, function, code_sha256, code_version, job_sha256, evaluation, status, adopted_as,
       trained_by, created_at
FROM scoring.model_candidates WHERE job = :job AND candidate = :number

-- name: adopted
-- Notes that a candidate became a version of a repository.
UPDATE scoring.model_candidates SET status = 'adopted', adopted_as = :version WHERE candidate = :number
