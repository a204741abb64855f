-- name: begin
-- Notes that a challenger begins; gives why it must not.
SELECT scoring.begin_challenge(:run_id, :model_name, :model_version, :model_sha256)

-- name: end
-- Notes that it has scored the run, with its files; gives why they must not be kept.
SELECT scoring.end_challenge(:run_id, :model_sha256, CAST(:parts AS integer[]), CAST(:scored AS bigint[]),
                             CAST(:rejected AS bigint[]), CAST(:digests AS text[]), CAST(:inputs AS text[]))

-- name: fail
-- Notes that it has failed, and why.
SELECT scoring.fail_challenge(:run_id, :model_sha256, :reason)

-- name: state
-- The status of a run's challenger, where it has failed or is this version; else nothing.
SELECT max(status) FROM scoring.challenges WHERE run_id = :run_id AND (model_sha256 = :model_sha256 OR status = 'failed')
