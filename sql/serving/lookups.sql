-- name: latest
-- The last score date of a job that is published, leaving out one that was scored ahead, as in `latest_predictions`.
SELECT max(score_date) AS score_date FROM scoring.current_runs
WHERE job = %(job)s AND score_date <= (now() AT TIME ZONE 'UTC')::date + 1

-- name: single
-- The published row of one entity, of a date or of the last one, with what scored it: in one statement, so that nothing is
-- published between the two.
SELECT rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores, rows.model_name, rows.model_version,
       runs.model_sha256, rows.scored_at, rows.run_id, rows.served_by, rows.staleness_days, runs.published_at
FROM scoring.predictions AS rows JOIN scoring.scoring_runs AS runs ON runs.run_id = rows.run_id
WHERE rows.job = %(job)s AND rows.entity_id = %(entity_id)s AND rows.score_date = coalesce(
    %(score_date)s::date,
    (SELECT max(score_date) FROM scoring.current_runs
     WHERE job = %(job)s AND score_date <= (now() AT TIME ZONE 'UTC')::date + 1))

-- name: many
-- The same of many entities: joined with the date, for each of them alone would read the month's index.
SELECT rows.entity_id, rows.score, rows.label, rows.class_scores, rows.model_name, rows.model_version,
       runs.model_sha256, rows.scored_at, rows.run_id, rows.served_by, rows.staleness_days, runs.published_at
FROM scoring.predictions AS rows
JOIN unnest(%(entity_ids)s::text[]) AS wanted (entity_id) ON wanted.entity_id = rows.entity_id
JOIN scoring.scoring_runs AS runs ON runs.run_id = rows.run_id
WHERE rows.job = %(job)s AND rows.score_date = %(score_date)s

-- name: reasons
-- The reasons of published scores of one run, in the order of ranks.
SELECT rows.entity_id, rows.rank, rows.column_name, rows.value, rows.contribution, rows.error, rows.is_certain, rows.base,
       rows.others
FROM scoring.prediction_reasons AS rows
JOIN unnest(%(entity_ids)s::text[]) AS wanted (entity_id) ON wanted.entity_id = rows.entity_id
WHERE rows.job = %(job)s AND rows.score_date = %(score_date)s::date AND rows.run_id = %(run_id)s
ORDER BY rows.entity_id, rows.rank
