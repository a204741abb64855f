-- name: publish
-- Moves the pointer to a run, and says what came of it.
SELECT done.*, format('run %s of %s %s', run.run_id, run.job, run.score_date) AS run
FROM scoring.publish(:run_id) AS done
LEFT JOIN scoring.scoring_runs AS run ON run.run_id = :run_id

-- name: replaced
-- The run that a run replaced.
-- Its first move: a person may have rolled back to it since.
SELECT replaced_run_id FROM scoring.publications WHERE run_id = :run_id ORDER BY published_at LIMIT 1
