-- name: before
-- Who got messages of a job within a year.
SELECT DISTINCT recipient FROM scoring.alerts WHERE job = :job AND raised_at > now() - interval '1 year'
