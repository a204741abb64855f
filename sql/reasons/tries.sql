-- name: begin
-- Notes that a run's scores are being explained; gives why they must not be.
SELECT scoring.begin_reasons(:run_id, CAST(:settings AS jsonb))

-- name: least
-- The least score of so many rows of a run that have the highest.
SELECT min(score) FROM (
    SELECT score FROM scoring.prediction_rows WHERE run_id = :run_id AND score_date = :score_date
    ORDER BY score DESC LIMIT :number) AS highest

-- name: open
-- Makes room for a run's reasons; gives why they must not be kept.
SELECT scoring.open_reasons(:run_id, CAST(:parts AS integer[]), CAST(:inputs AS text[]))

-- name: settings
-- How the try that is open explains a run.
SELECT settings = CAST(:settings AS jsonb) FROM scoring.explanations WHERE run_id = :run_id AND status = 'running'

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
