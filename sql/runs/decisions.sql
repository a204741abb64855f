-- name: trigger
-- What began a run, and whether the login that asks did.
SELECT job, triggered_by AS by, triggered_as AS login,
       triggered_as IS NOT DISTINCT FROM CAST(session_user AS text) AS same_login
FROM scoring.scoring_runs WHERE run_id = :run_id

-- name: approve
-- Publishes a held run in the name of a person, and says what came of it.
SELECT done.*, format('run %s of %s %s', run.run_id, run.job, run.score_date) AS run
FROM scoring.approve(:run_id, :by, :reason) AS done
LEFT JOIN scoring.scoring_runs AS run ON run.run_id = :run_id

-- name: reject
-- Abandons a held run in the name of a person, and says what came of it.
SELECT CASE WHEN refusal IS NULL THEN 'rejected' ELSE 'not held' END AS outcome, refusal AS said, NULL AS replaced
FROM scoring.reject(:run_id, :by, :reason) AS done
