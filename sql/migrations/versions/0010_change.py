"""`drift_history` says how much each feature and the score changed since the last night."""

from alembic import op

revision = "0010"
down_revision = "0009"

DRIFT = """
CREATE OR REPLACE VIEW scoring.drift_history AS
SELECT runs.job, runs.score_date, runs.run_id, runs.model_name, runs.model_version, seen.kind, seen.feature,
       seen.unusualness, seen.unusualness > 1 AS unusual, seen.psi, seen.psi_last_night, seen.missing_share,
       seen.unknown_category_share, seen.change_last_night
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id
CROSS JOIN LATERAL (
    SELECT 'feature' AS kind, found.feature,
           max(found.value) FILTER (WHERE found.metric = 'unusualness') AS unusualness,
           max(found.value) FILTER (WHERE found.metric = 'psi') AS psi,
           max(found.value) FILTER (WHERE found.metric = 'psi_last_night') AS psi_last_night,
           max(found.value) FILTER (WHERE found.metric = 'missing_share') AS missing_share,
           max(found.value) FILTER (WHERE found.metric = 'unknown_category_share') AS unknown_category_share,
           max(found.value) FILTER (WHERE found.metric = 'change_last_night') AS change_last_night
    FROM scoring.feature_metrics AS found WHERE found.run_id = runs.run_id GROUP BY found.feature
    UNION ALL
    SELECT 'score', NULL, max(found.value) FILTER (WHERE found.metric = 'score_unusualness'),
           max(found.value) FILTER (WHERE found.metric = 'score_psi'),
           max(found.value) FILTER (WHERE found.metric = 'score_psi_last_night'), NULL, NULL,
           max(found.value) FILTER (WHERE found.metric = 'score_change_last_night')
    FROM scoring.run_metrics AS found WHERE found.run_id = runs.run_id
    UNION ALL
    SELECT 'rows', NULL, max(found.value) FILTER (WHERE found.metric = 'rows_unusualness'), NULL, NULL, NULL, NULL,
           NULL
    FROM scoring.run_metrics AS found WHERE found.run_id = runs.run_id
) AS seen;
COMMENT ON COLUMN scoring.drift_history.unusualness IS
    'The distance to the training nights, or the change since the last night where that says more, on the scale on '
    'which 1 is the limit that the job''s false_alarm_rate sets for the night as a whole.';
COMMENT ON COLUMN scoring.drift_history.change_last_night IS
    'By how many bins the rows moved on average since the last night published before; between categories every move '
    'counts 1.';
"""


def upgrade() -> None:
    """Add the column at the view's end."""
    op.execute(DRIFT)


def downgrade() -> None:
    """Leave the column, which older code does not ask for; without it the view and its comments would be made anew."""
