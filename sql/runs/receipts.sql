-- name: record
-- The record of a run as JSON, made by the database and read by it again: no number passes through floats of Python.
SELECT jsonb_build_object(
    'run', to_jsonb(run),
    'rejected', CAST(:rejected AS jsonb),
    'run_parts', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.part), '[]')
                  FROM scoring.run_parts AS line WHERE line.run_id = run.run_id),
    'run_metrics', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.metric), '[]')
                    FROM scoring.run_metrics AS line WHERE line.run_id = run.run_id),
    'feature_metrics', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.feature, line.metric), '[]')
                        FROM scoring.feature_metrics AS line WHERE line.run_id = run.run_id),
    'profiles', (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.column_name, line.bin), '[]')
                 FROM scoring.profiles AS line WHERE line.run_id = run.run_id))::text
FROM scoring.scoring_runs AS run WHERE run.run_id = :run_id

-- name: publications
-- The moves of a job's pointer, in order.
SELECT score_date, run_id, published_at, to_char(published_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISSUS') AS moment
FROM scoring.publications WHERE job = :job ORDER BY published_at

-- name: move
-- The receipt of a move as JSON: what `publications` says of it, and the rows of the runs of its score date.
SELECT jsonb_build_object(
    'publication', to_jsonb(move),
    'runs', (SELECT jsonb_agg(to_jsonb(run) ORDER BY run.run_id) FROM scoring.scoring_runs AS run
             WHERE run.job = move.job AND run.score_date = move.score_date AND run.published_at IS NOT NULL))::text
FROM scoring.publications AS move WHERE move.run_id = :run_id AND move.published_at = :published_at
