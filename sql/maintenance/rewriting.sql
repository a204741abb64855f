-- name: parts
-- The parts that the store keeps of a job's closed runs, each with its digests and those that it is about to have.
SELECT run_id, run.score_date, part, line.input_sha256, scored_sha256, input_sha256_next, scored_sha256_next,
       tried.run_id IS NOT NULL AS has_challenger, beside.sha256 AS challenger_sha256,
       beside.sha256_next AS challenger_sha256_next
FROM scoring.run_parts AS line JOIN scoring.scoring_runs AS run USING (run_id)
LEFT JOIN scoring.challenges AS tried USING (run_id)
LEFT JOIN scoring.challenge_parts AS beside USING (run_id, part)
WHERE job = :job AND parts_pruned_at IS NULL AND NOT scoring.in_work(run)
      AND (tried.status = 'running' AND tried.began_at > now() - interval '1 day') IS NOT TRUE
ORDER BY run_id, part
