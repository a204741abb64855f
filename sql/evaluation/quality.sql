-- name: lock
-- One session at a time computes what measured days say together.
SELECT scoring.lock_quality()

-- name: days
-- What the published days of a version lost, in order of date, how many of their scores are in the lowest bins, what the
-- mean score was and what came, and what was entered of them; without days on which the model was trained, and without
-- those of a fallback.
SELECT run.run_id, run.score_date, seen.skill, seen.quality_evidence, seen.quality_alarm,
       seen.quality_reference, seen.base_rate AS came, profile.low, profile.scores, spread.value AS score
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
CROSS JOIN LATERAL (
    SELECT max(one.value) FILTER (WHERE one.metric = 'skill:base_rate') AS skill,
           max(one.value) FILTER (WHERE one.metric = 'outcomes') AS outcomes,
           max(one.value) FILTER (WHERE one.metric = 'base_rate') AS base_rate,
           max(one.value) FILTER (WHERE one.metric = 'in_sample') AS in_sample,
           max(one.value) FILTER (WHERE one.metric = 'quality_evidence') AS quality_evidence,
           max(one.value) FILTER (WHERE one.metric = 'quality_alarm') AS quality_alarm,
           max(one.value) FILTER (WHERE one.metric = 'quality_reference') AS quality_reference
    FROM scoring.outcome_metrics AS one WHERE one.run_id = run.run_id AND one.slice_column = ''
) AS seen
CROSS JOIN LATERAL (
    SELECT coalesce(sum(each.count) FILTER (WHERE each.bin < :low_bins), 0) AS low,
           sum(each.count) FILTER (WHERE each.label <> 'null') AS scores
    FROM scoring.profiles AS each WHERE each.run_id = run.run_id AND each.column_name = ''
) AS profile
LEFT JOIN scoring.run_metrics AS spread ON spread.run_id = run.run_id AND spread.metric = 'score_mean'
WHERE current.job = :job AND run.model_name = :model_name AND run.model_version = :model_version
      AND run.served_by = 'model' AND seen.skill IS NOT NULL AND seen.outcomes >= :least
      AND seen.in_sample IS DISTINCT FROM 1
ORDER BY run.score_date

-- name: newest
-- The last score date of a job that is measured, and the version that scored it.
SELECT run.score_date, run.model_name, run.model_version
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS run ON run.run_id = current.run_id
WHERE current.job = :job AND run.served_by = 'model'
      AND EXISTS (SELECT FROM scoring.outcome_metrics AS one
                  WHERE one.run_id = run.run_id AND one.slice_column = '' AND one.metric = 'skill:base_rate')
      AND NOT EXISTS (SELECT FROM scoring.outcome_metrics AS one
                      WHERE one.run_id = run.run_id AND one.slice_column = '' AND one.metric = 'in_sample'
                        AND one.value > 0)
ORDER BY run.score_date DESC LIMIT 1

-- name: enter
-- Enters what days say together, as metrics of their runs.
SELECT scoring.enter_quality(:job, CAST(:run_ids AS bigint[]), CAST(:metrics AS text[]),
                             CAST(:numbers AS double precision[]))

-- name: begin
-- Notes that a job is worse than in training, unless that is noted.
INSERT INTO scoring.quality_incidents (job, began_on, model_name, model_version)
SELECT :job, :day, :model_name, :model_version
WHERE NOT EXISTS (SELECT FROM scoring.quality_incidents WHERE job = :job AND ended_on IS NULL)
ON CONFLICT (job, began_on, model_version) DO UPDATE SET ended_on = NULL, told = '{}'

-- name: end
-- Notes that it is over.
UPDATE scoring.quality_incidents SET ended_on = greatest(began_on, :day) WHERE job = :job AND ended_on IS NULL

-- name: untold
-- Incidents of which people have no message of what became of them last.
SELECT began_on, ended_on, model_name, model_version, told
FROM scoring.quality_incidents
WHERE job = :job AND NOT (CASE WHEN ended_on IS NULL THEN 'began' ELSE 'ended' END = ANY (told))
ORDER BY began_on FOR UPDATE

-- name: told
-- Notes what people have a message of.
UPDATE scoring.quality_incidents SET told = told || CAST(:event AS text)
WHERE job = :job AND began_on = :began_on AND model_version = :model_version
