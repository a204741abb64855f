-- name: days
-- The last measured days of a version before a score date, in order of date, with their bins; without days on which the
-- model was trained, and without those of a fallback.
WITH days AS (
    SELECT run.run_id, run.score_date, seen.*
    FROM scoring.current_runs AS current
    JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
    CROSS JOIN LATERAL (
        SELECT max(one.value) FILTER (WHERE one.metric = 'log_loss') AS log_loss,
               max(one.value) FILTER (WHERE one.metric = 'brier') AS brier,
               max(one.value) FILTER (WHERE one.metric = 'roc_auc') AS roc_auc,
               max(one.value) FILTER (WHERE one.metric = 'accuracy') AS accuracy,
               max(one.value) FILTER (WHERE one.metric = 'outcomes') AS outcomes,
               max(one.value) FILTER (WHERE one.metric = 'in_sample') AS in_sample
        FROM scoring.outcome_metrics AS one WHERE one.run_id = run.run_id AND one.slice_column = ''
    ) AS seen
    WHERE current.job = :job AND current.score_date < :score_date AND run.model_name = :model_name
          AND run.model_version = :model_version AND run.served_by = 'model' AND seen.outcomes >= :least
          AND seen.in_sample IS DISTINCT FROM 1
          AND EXISTS (SELECT FROM scoring.outcome_bins AS bins WHERE bins.run_id = run.run_id)
    ORDER BY run.score_date DESC LIMIT :most
)
SELECT days.log_loss, days.brier, days.roc_auc, days.accuracy, binned.*
FROM days CROSS JOIN LATERAL (
    SELECT array_agg(bin) AS bin, array_agg(rows) AS rows, array_agg(positives) AS positives,
           array_agg(called) AS called, array_agg(score) AS score, array_agg(score_squared) AS score_squared,
           array_agg(log_score) AS log_score, array_agg(log_rest) AS log_rest
    FROM scoring.outcome_bins WHERE run_id = days.run_id
) AS binned
ORDER BY days.score_date

-- name: enter
-- Enters the binned scores and outcomes of a run; those of an earlier evaluation go.
SELECT scoring.replace_outcome_bins(
    :run_id, CAST(:bin AS integer[]), CAST(:rows AS double precision[]), CAST(:positives AS double precision[]),
    CAST(:called AS double precision[]), CAST(:score AS double precision[]),
    CAST(:score_squared AS double precision[]), CAST(:log_score AS double precision[]),
    CAST(:log_rest AS double precision[]))
