-- name: begin
-- Notes that a run's scores are being explained; gives why they must not be.
SELECT scoring.begin_reasons(:run_id, CAST(:settings AS jsonb))

-- name: explained
-- A row if a run was explained to the end.
SELECT FROM scoring.explanations WHERE run_id = :run_id AND status = 'explained'

-- name: least
-- The least score of so many rows of a run that have the highest.
SELECT min(score) FROM (
    SELECT score FROM scoring.prediction_rows WHERE run_id = :run_id AND score_date = :score_date
    ORDER BY score DESC LIMIT :number) AS highest

-- name: before
-- The run whose scores a job has published for the last score date before a run's, and the day of these: a fallback
-- serves those of a former day again.
SELECT coalesce(shown.source_run_id, shown.run_id) AS run_id, shown.score_date - shown.staleness_days AS score_date
FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS shown ON shown.run_id = current.run_id
WHERE current.job = :job AND current.score_date < :score_date AND shown.status = 'published'
ORDER BY current.score_date DESC LIMIT 1

-- name: tenths
-- The nine scores that cut a run's into tenths; null where it has none.
SELECT percentile_disc(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) WITHIN GROUP (ORDER BY score)
FROM scoring.prediction_rows WHERE run_id = :run_id AND score_date = :score_date

-- name: open
-- Makes room for a run's reasons; gives why they must not be kept.
SELECT scoring.open_reasons(:run_id, CAST(:parts AS integer[]), CAST(:inputs AS text[]))

-- name: open_try
-- Of the try that is open: whether it is that with these settings, and how many entities the one before has explained.
SELECT settings = CAST(:settings AS jsonb) AS is_ours, CAST(earlier ->> 'explained' AS bigint) AS explained_before
FROM scoring.explanations WHERE run_id = :run_id AND status = 'running'

-- name: enter
-- Enters reasons of a part's scores.
SELECT scoring.enter_reasons(
    :run_id, :part, CAST(:entity_id AS text[]), CAST(:rank AS integer[]), CAST(:column_name AS text[]),
    CAST(:value AS text[]), CAST(:contribution AS double precision[]), CAST(:error AS double precision[]),
    CAST(:is_certain AS boolean[]), CAST(:base AS double precision[]), CAST(:others AS double precision[]))

-- name: contributions
-- Enters what each column contributes.
SELECT scoring.enter_contributions(
    :run_id, CAST(:columns AS text[]), CAST(:slices AS text[]), CAST(:values AS text[]), CAST(:entities AS bigint[]),
    CAST(:means AS double precision[]), CAST(:sizes AS double precision[]), CAST(:training AS double precision[]))

-- name: end
-- Notes how far a run was explained, and why no further.
SELECT scoring.end_reasons(:run_id, :background, :wanted, :explained, :gap, :why)
