-- name: runs
-- The runs of a job: whether a try of it, of its challenger or at its reasons may be going on, may still read the
-- subject's rows, and has files in the store.
SELECT run_id, score_date, in_work OR coalesce(challenged, false) OR coalesce(being_explained, false) AS in_work,
       status = 'running' OR EXISTS (SELECT FROM scoring.rejected_rows AS rejected WHERE rejected.run_id = run.run_id)
           AS may_read,
       parts_pruned_at IS NULL AND NOT in_work AS has_files
FROM scoring.scoring_runs AS run
CROSS JOIN LATERAL (SELECT scoring.in_work(run) AS in_work) AS open
LEFT JOIN LATERAL (
    SELECT true AS challenged FROM scoring.challenges AS tried
    WHERE tried.run_id = run.run_id AND tried.status = 'running' AND tried.began_at > now() - interval '1 day'
) AS beside ON true
LEFT JOIN LATERAL (
    SELECT true AS being_explained FROM scoring.explanations AS tried
    WHERE tried.run_id = run.run_id AND tried.status = 'running' AND tried.began_at > now() - interval '1 day'
) AS why ON true
WHERE job = :job ORDER BY run_id

-- name: erase
-- Erases an entity from a job's closed runs, has the ledger follow its rewritten files, and gives the receipt.
SELECT * FROM scoring.erase(:job, :entity, CAST(:closed AS bigint[]), CAST(:runs AS bigint[]),
                            CAST(:parts AS integer[]), CAST(:digests AS text[]), :by, :reason)

-- name: reasons
-- Erases the reasons of an entity's scores from a job's closed runs.
SELECT scoring.erase_reasons(:job, :entity, CAST(:closed AS bigint[]))
