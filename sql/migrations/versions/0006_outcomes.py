"""Outcomes: how good the published scores of a night turned out to be, once the real results are known."""

from alembic import op

revision = "0006"
down_revision = "0005"

TABLE = """
CREATE TABLE scoring.outcome_metrics (
    run_id       bigint           NOT NULL REFERENCES scoring.scoring_runs,
    slice_column text             NOT NULL,
    slice_value  text,
    metric       text             NOT NULL,
    value        double precision NOT NULL,
    measured_at  timestamptz      NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (run_id, slice_column, slice_value, metric)
);
COMMENT ON TABLE scoring.outcome_metrics IS
    'One number about how the scores of one published run fared against the real results: of all its entities, or of '
    'those that have one value in one of the job''s slices. Measuring again replaces all the numbers of a run.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_column IS
    'The feature whose values make the groups; empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_value IS
    'The feature''s value, as text; null where it is missing, empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.metric IS
    'Such as coverage, roc_auc, log_loss, recall, rmse. recall_low and recall_high bound a rate at 95 percent '
    '(Wilson). log_loss:base_rate is that of a baseline, skill:base_rate what the model gains over it, '
    'recall_gap:carrier the largest difference between groups, business:NAME a number of the job''s own, '
    'training:NAME one of the manifest.';
COMMENT ON COLUMN scoring.outcome_metrics.measured_at IS 'When the results were read.';
"""

REPLACE = """
CREATE FUNCTION scoring.replace_outcomes(
    of_run bigint, slice_columns text[], slice_values text[], metrics text[], numbers double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Two that measure the same run come one after the other.
    PERFORM pg_advisory_xact_lock(hashtextextended('outcomes of run ' || of_run, 0));
    PERFORM FROM scoring.scoring_runs WHERE run_id = of_run AND published_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, so nobody acted on its scores', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM scoring.outcome_metrics WHERE run_id = of_run;
    INSERT INTO scoring.outcome_metrics (run_id, slice_column, slice_value, metric, value)
    SELECT of_run, found.* FROM unnest(slice_columns, slice_values, metrics, numbers) AS found;
END $$;
COMMENT ON FUNCTION scoring.replace_outcomes IS
    'Enters the outcome metrics of a published run, in place of all that were measured before.';
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION scoring.replace_outcomes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.replace_outcomes TO scoring_writer;
GRANT SELECT ON scoring.outcome_metrics TO scoring_writer, scoring_analyst;
"""


def upgrade() -> None:
    """Add the table, and the one way to write into it."""
    for statements in (TABLE, REPLACE, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: results of long ago may be gone from the warehouse."""
    raise NotImplementedError("outcome metrics are not thrown away; drop the table by hand if you mean it")
