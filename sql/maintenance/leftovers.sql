-- name: unnamed
-- A job's runs with the kinds of files that no row names: a challenger's without scores, and reasons once they are kept.
WITH tried (run_id, kind, named, running, began_at) AS (
    SELECT run_id, 'challenger', status = 'scored', status = 'running', began_at FROM scoring.challenges
    UNION ALL
    SELECT run_id, kind, false, status = 'running', began_at
    FROM scoring.explanations CROSS JOIN (VALUES ('reasons'), ('contributions')) AS made (kind)
)
SELECT run_id, kind
FROM tried JOIN scoring.scoring_runs AS run USING (run_id)
WHERE run.job = :job AND NOT named AND NOT (running AND tried.began_at > now() - interval '1 day')
ORDER BY run_id, kind
