-- name: summary
-- Two runs side by side, in one row.
WITH before AS (
    SELECT entity_id, score, label, class_scores FROM scoring.prediction_rows
    WHERE score_date = :before_date AND run_id = :before
),
after AS (
    SELECT entity_id, score, label, class_scores FROM scoring.prediction_rows
    WHERE score_date = :after_date AND run_id = :after
),
pairs AS (
    SELECT before.score AS before, after.score AS after, before.score <> after.score AS changed,
           before.label <> after.label AS relabelled, before.class_scores <> after.class_scores AS reclassed
    FROM before FULL JOIN after USING (entity_id)
),
-- Nine of the first run's own scores: a tenth of its entities lies below the first, two tenths below the second.
-- Materialized: on a table without statistics the planner expects one pair, and would sort the scores again for each.
cuts AS MATERIALIZED (
    SELECT percentile_disc(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) WITHIN GROUP (ORDER BY score) AS deciles
    FROM before
)
SELECT count(before) AS entities_before, count(after) AS entities_after, avg(before) AS mean_before,
       avg(after) AS mean_after, count(*) FILTER (WHERE before IS NULL) AS appeared,
       count(*) FILTER (WHERE after IS NULL) AS vanished, count(*) FILTER (WHERE changed) AS changed,
       avg(abs(after - before)) FILTER (WHERE changed) AS mean_change, max(abs(after - before)) FILTER (WHERE changed) AS max_change,
       count(*) FILTER (WHERE changed AND width_bucket(before, deciles) <> width_bucket(after, deciles))
           AS crossed_decile,
       count(*) FILTER (WHERE relabelled) AS relabelled,
       count(*) FILTER (WHERE reclassed) AS class_scores_changed, min(deciles) AS deciles
FROM pairs CROSS JOIN cuts

-- name: largest
-- The entities whose scores differ most between two runs.
SELECT entity_id, before, after
FROM (
    SELECT entity_id, min(score) FILTER (WHERE run_id = :before) AS before,
           min(score) FILTER (WHERE run_id = :after) AS after
    FROM scoring.prediction_rows
    WHERE score_date IN (:before_date, :after_date) AND run_id IN (:before, :after)
    GROUP BY entity_id
) AS pairs
WHERE before <> after
ORDER BY abs(after - before) DESC, entity_id
LIMIT :top

-- name: published
-- The published run that a held one would replace.
SELECT published.run_id
FROM scoring.scoring_runs AS held JOIN scoring.current_runs AS published USING (job, score_date)
JOIN scoring.scoring_runs AS shown ON shown.run_id = published.run_id
WHERE held.run_id = :run_id AND held.status = 'held' AND (shown.run_id < held.run_id OR shown.served_by <> 'model')
