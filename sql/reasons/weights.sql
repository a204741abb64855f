-- name: last
-- How large the contributions of each column were in a job's last run until a date that the same model has scored and
-- that was explained, and which columns moved together. Analysts read what comes of it, so it has been published.
SELECT carried.column_name, carried.mean_size, last.groups
FROM (SELECT run.run_id, why.settings -> 'groups' AS groups
      FROM scoring.explanations AS why JOIN scoring.scoring_runs AS run ON run.run_id = why.run_id
      WHERE run.job = :job AND run.model_sha256 = :model_sha256 AND run.score_date <= :score_date
            AND run.published_at IS NOT NULL AND why.explained > 0
      ORDER BY run.score_date DESC, run.run_id DESC LIMIT 1) AS last
JOIN scoring.contributions AS carried ON carried.run_id = last.run_id AND carried.slice = ''
ORDER BY carried.column_name
