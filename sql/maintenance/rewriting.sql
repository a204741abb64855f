-- name: parts
-- The parts that the store keeps of a job's closed runs, each with its digests and those that it is about to have.
SELECT run_id, run.score_date, part, line.input_sha256, scored_sha256, input_sha256_next, scored_sha256_next
FROM scoring.run_parts AS line JOIN scoring.scoring_runs AS run USING (run_id)
WHERE job = :job AND parts_pruned_at IS NULL AND NOT scoring.in_work(run) ORDER BY run_id, part
