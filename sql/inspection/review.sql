-- name: of_trigger
-- The last run that a trigger began, where it is held or a person has decided on it.
SELECT * FROM (
    SELECT * FROM scoring.scoring_runs WHERE job = :job AND trigger = :trigger ORDER BY run_id DESC LIMIT 1
) AS last
WHERE status = 'held' OR decided_by IS NOT NULL

-- name: shown
-- The run that analysts see of a held run's score date, else of the last one before it that was scored itself.
SELECT shown.run_id
FROM scoring.scoring_runs AS held
JOIN scoring.current_runs AS current ON current.job = held.job AND current.score_date <= held.score_date
JOIN scoring.scoring_runs AS shown ON shown.run_id = current.run_id
WHERE held.run_id = :run_id AND shown.served_by = 'model'
ORDER BY current.score_date DESC LIMIT 1
