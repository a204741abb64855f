-- name: scores_due
-- A job's runs whose scores have had their time, and how many rows each has.
SELECT run_id, score_date,
       (SELECT coalesce(sum(rows_scored - rows_erased), 0) FROM scoring.run_parts WHERE run_id = run.run_id) AS rows
FROM scoring.scoring_runs AS run
WHERE job = :job AND scoring.rows_due(run) ORDER BY run_id

-- name: rejected_due
-- A job's runs whose rejected rows have had their time, and how many each has.
SELECT run_id, score_date, (SELECT count(*) FROM scoring.rejected_rows WHERE run_id = run.run_id) AS rows
FROM scoring.scoring_runs AS run
WHERE job = :job AND scoring.rejected_due(run) ORDER BY run_id

-- name: metrics_due
-- A job's runs whose metrics have had their time, and how many rows each has.
SELECT run_id, score_date,
       (SELECT count(*) FROM scoring.run_metrics WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.feature_metrics WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.profiles WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.outcome_metrics WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.outcome_metrics_history WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.outcome_bins WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.source_checks WHERE run_id = run.run_id)
       + (SELECT count(*) FROM scoring.challenge_results WHERE run_id = run.run_id) AS rows
FROM scoring.scoring_runs AS run
WHERE job = :job AND scoring.metrics_due(run) ORDER BY run_id

-- name: parts_due
-- A job's runs, and whether the parts of each have had their time.
SELECT run_id, score_date, (parts_pruned_at IS NOT NULL OR scoring.parts_due(run)) AS due
FROM scoring.scoring_runs AS run WHERE job = :job
