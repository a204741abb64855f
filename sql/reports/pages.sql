-- name: run
-- A run, the one that analysts see for its score date, the one that a roll-back would show, and a later one that failed.
SELECT run.*, pointer.run_id AS shown_run_id, shown.served_by AS shown_served_by,
       shown.staleness_days AS shown_staleness_days, shown.model_version AS shown_model_version,
       (SELECT max(earlier.run_id) FROM scoring.scoring_runs AS earlier
        WHERE earlier.job = run.job AND earlier.score_date = run.score_date AND earlier.published_at IS NOT NULL
          AND earlier.run_id < pointer.run_id) AS previous_run_id,
       (SELECT max(later.run_id) FROM scoring.scoring_runs AS later
        WHERE later.job = run.job AND later.score_date = run.score_date AND later.status = 'failed'
          AND NOT later.dry_run AND later.run_id > pointer.run_id) AS failed_run_id
FROM scoring.scoring_runs AS run
LEFT JOIN scoring.current_runs AS pointer USING (job, score_date)
LEFT JOIN scoring.scoring_runs AS shown ON shown.run_id = pointer.run_id
WHERE run.run_id = :run_id

-- name: profiles
-- The rows of a run in each bin of each column.
SELECT column_name, label, count AS rows
FROM scoring.profiles
WHERE run_id = :run_id
ORDER BY column_name, bin

-- name: online
-- The rows that the API scored on a run's score date by the run's model, in each bin of each column.
SELECT column_name, label, count AS rows
FROM scoring.online_profiles
WHERE job = :job AND answered_on = :score_date AND model_sha256 = :model_sha256
ORDER BY column_name, bin

-- name: online_rejected
-- The rules that rows broke there, the most frequent first.
SELECT column_name, rule, count AS rows
FROM scoring.online_rejections
WHERE job = :job AND answered_on = :score_date AND model_sha256 = :model_sha256
ORDER BY count DESC, column_name, rule

-- name: late
-- How the source of a run that analysts see differed when it was last read again.
SELECT checked_at, rows_now, rows_rejected, rows_new, rows_gone, rows_changed, entities_doubled, columns_changed
FROM scoring.late_data
WHERE run_id = :run_id

-- name: challenger
-- What a run's challenger made of the same rows.
SELECT champion_version, challenger_version, status, reason, entities, outcomes, loss, champion_loss, challenger_loss,
       moved, relabelled, in_sample, days, verdict, mean_difference, difference_low, difference_high
FROM scoring.challenger_quality
WHERE run_id = :run_id

-- name: of_trigger
-- The last run of a job that a trigger started, such as an Airflow DAG run's id.
SELECT run_id
FROM scoring.scoring_runs
WHERE job = :job AND trigger = :trigger
ORDER BY run_id DESC LIMIT 1

-- name: days
-- The last score dates of some jobs: of each the run that analysts see, else its last try.
WITH span AS (
    -- A score date that was abandoned, as one without rows, is no reason to lose the last that was not out of sight.
    SELECT job, coalesce(CAST(:until AS date), max(score_date) FILTER (WHERE status <> 'abandoned'), max(score_date))
               AS until
    FROM scoring.scoring_runs WHERE job = ANY(:jobs) AND NOT dry_run GROUP BY job
), tries AS (
    SELECT run.*, pointer.run_id IS NOT NULL AS shown,
           max(run.run_id) FILTER (WHERE run.status = 'held') OVER day AS held_run_id,
           max(run.run_id) FILTER (WHERE run.status = 'failed') OVER day AS last_failed_run_id,
           row_number() OVER (day ORDER BY pointer.run_id IS NOT NULL DESC, run.run_id DESC) AS place
    FROM span JOIN scoring.scoring_runs AS run USING (job)
    LEFT JOIN scoring.current_runs AS pointer USING (run_id)
    WHERE NOT run.dry_run AND run.score_date > span.until - CAST(:days AS integer) AND run.score_date <= span.until
    WINDOW day AS (PARTITION BY run.job, run.score_date)
), last AS (
    SELECT DISTINCT ON (one.job) one.job, one.challenger_version, one.status
    FROM scoring.challenger_quality AS one WHERE one.job = ANY(:jobs)
    ORDER BY one.job, one.score_date DESC, one.run_id DESC
), beside AS (
    -- What is the challenger's last score date, and what the newest that is measured says of the same version.
    SELECT DISTINCT ON (last.job) last.job, jsonb_build_object(
        'challenger_version', last.challenger_version, 'status', last.status, 'loss', seen.loss, 'days', seen.days,
        'verdict', seen.verdict, 'mean_difference', seen.mean_difference, 'difference_low', seen.difference_low,
        'difference_high', seen.difference_high) AS challenger
    FROM last LEFT JOIN scoring.challenger_quality AS seen
      ON seen.job = last.job AND seen.challenger_version = last.challenger_version AND seen.is_shown
         AND seen.verdict IS NOT NULL
    ORDER BY last.job, seen.score_date DESC NULLS LAST
)
SELECT tries.job, tries.score_date, tries.run_id, tries.status, tries.served_by,
       coalesce(other.status_reason, tries.status_reason) AS status_reason,
       tries.staleness_days, tries.rows_scored, tries.rows_rejected, tries.shown, tries.held_run_id,
       CASE WHEN tries.last_failed_run_id > tries.run_id THEN tries.last_failed_run_id END AS failed_run_id,
       tries.decided_by, tries.started_at, tries.model_name, tries.model_version,
       coalesce(other.trigger, tries.trigger) AS trigger, score.value AS score_mean, tries.findings,
       coalesce(measured.outcomes, '{}') AS outcomes, CASE WHEN tries.shown THEN late.counts END AS late,
       beside.challenger
FROM tries LEFT JOIN scoring.run_metrics AS score ON score.run_id = tries.run_id AND score.metric = 'score_mean'
LEFT JOIN beside ON beside.job = tries.job
-- What waits for a person, or failed after what analysts see, is what somebody has to know of.
LEFT JOIN scoring.scoring_runs AS other
  ON other.run_id = coalesce(tries.held_run_id, CASE WHEN tries.last_failed_run_id > tries.run_id
                                                     THEN tries.last_failed_run_id END)
LEFT JOIN LATERAL (
    -- Bounded, for no JSON has a number beyond.
    SELECT jsonb_object_agg(one.metric, one.value) AS outcomes FROM scoring.outcome_metrics AS one
    WHERE one.run_id = tries.run_id AND one.slice_column = '' AND one.value BETWEEN -1e300 AND 1e300
          AND (one.metric ~ '_gap:|(^|_)alarms?(:|$)'
               OR one.metric IN ('in_sample', 'roc_auc', 'log_loss', 'accuracy', 'rmse', 'quality_evidence'))
) AS measured ON true
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('rows_new', seen.rows_new, 'rows_gone', seen.rows_gone,
                              'rows_changed', seen.rows_changed) AS counts
    FROM scoring.late_data AS seen WHERE seen.run_id = tries.run_id
) AS late ON true
WHERE tries.place = 1
ORDER BY tries.job, tries.score_date

-- name: promises
-- Of each job with a promise, the score dates that fell due in the last weeks, and whether a promise is not kept.
SELECT seen.job, seen.score_date, seen.promised_at, seen.published_at, seen.status, seen.run_id,
       seen.status IN ('late', 'missing', 'skipped', 'held', 'failed', 'rejected', 'fallback')
           AND now() > seen.promised_at AND seen.due_at > now() - interval '35 days' AS is_late
FROM scoring.punctuality AS seen
WHERE seen.job = ANY(:jobs) AND seen.due_at > now() - make_interval(days => :days) AND seen.status <> 'withdrawn'
ORDER BY seen.job, seen.due_at

-- name: promise
-- What became of the promise of one score date.
SELECT seen.job, seen.score_date, seen.promised_at, seen.published_at, seen.status, seen.run_id,
       seen.status IN ('late', 'missing', 'skipped', 'held', 'failed', 'rejected', 'fallback')
           AND now() > seen.promised_at AS is_late
FROM scoring.punctuality AS seen
WHERE seen.job = :job AND seen.score_date = :score_date AND seen.status <> 'withdrawn'

-- name: groups
-- How a run's scores compare with their outcomes in the groups of its slices; the figures that pages show.
SELECT slice_column, slice_value, metric, value
FROM scoring.outcome_metrics
WHERE run_id = :run_id AND slice_column <> ''
      AND (metric IN ('small', 'outcomes', 'coverage', 'roc_auc', 'log_loss', 'mae', 'rmse', 'bias', 'mean_outcome')
           OR metric ~ '^(accuracy|base_rate|selection_rate|recall|precision|false_positive_rate)(_low|_high)?$')
ORDER BY slice_column, slice_value NULLS LAST, metric

-- name: previous
-- Of the last score date before another one that has a run: the run that analysts see, else its last try.
SELECT run.score_date, run.run_id
FROM scoring.scoring_runs AS run LEFT JOIN scoring.current_runs AS pointer USING (run_id)
WHERE run.job = :job AND run.score_date < :score_date AND NOT run.dry_run
ORDER BY run.score_date DESC, pointer.run_id IS NOT NULL DESC, run.run_id DESC LIMIT 1

-- name: following
-- The same of the first score date after another one.
SELECT run.score_date, run.run_id
FROM scoring.scoring_runs AS run LEFT JOIN scoring.current_runs AS pointer USING (run_id)
WHERE run.job = :job AND run.score_date > :score_date AND NOT run.dry_run
ORDER BY run.score_date, pointer.run_id IS NOT NULL DESC, run.run_id DESC LIMIT 1
