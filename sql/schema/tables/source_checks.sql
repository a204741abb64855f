-- What the source gave when it was read again after a run was published. Rights stand here and in views/late_data.sql,
-- so that a revision can run these files.

CREATE TABLE scoring.source_checks (
    check_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           bigint      NOT NULL REFERENCES scoring.scoring_runs,
    checked_at       timestamptz NOT NULL DEFAULT now(),
    rows_now         bigint      NOT NULL CHECK (rows_now >= 0),
    rows_rejected    bigint      NOT NULL CHECK (rows_rejected BETWEEN 0 AND rows_now),
    rows_new         bigint      NOT NULL CHECK (rows_new BETWEEN 0 AND rows_now),
    rows_gone        bigint      NOT NULL CHECK (rows_gone >= 0),
    rows_changed     bigint      NOT NULL CHECK (rows_changed BETWEEN 0 AND rows_now),
    entities_doubled bigint      NOT NULL CHECK (entities_doubled BETWEEN 0 AND rows_now),
    columns_changed  jsonb       NOT NULL CHECK (jsonb_typeof(columns_changed) = 'object')
);
CREATE INDEX source_checks_by_run ON scoring.source_checks (run_id, check_id);
COMMENT ON TABLE scoring.source_checks IS
    'One row each time that the source was read again and held against the rows of a published run, append-only.';
COMMENT ON COLUMN scoring.source_checks.check_id IS 'The number of the check.';
COMMENT ON COLUMN scoring.source_checks.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.source_checks.checked_at IS 'When the source was read.';
COMMENT ON COLUMN scoring.source_checks.rows_now IS 'How many rows the job''s query gave then.';
COMMENT ON COLUMN scoring.source_checks.rows_rejected IS
    'How many of them break the contract, or share their entity with another row.';
COMMENT ON COLUMN scoring.source_checks.rows_new IS 'Rows that could be scored then, whose entity the run has not.';
COMMENT ON COLUMN scoring.source_checks.rows_gone IS
    'Rows of the run that could not be scored any more: they are gone, rejected or doubled.';
COMMENT ON COLUMN scoring.source_checks.rows_changed IS 'Rows of the run in which a feature has another value.';
COMMENT ON COLUMN scoring.source_checks.entities_doubled IS 'Entities that the query gave more than once.';
COMMENT ON COLUMN scoring.source_checks.columns_changed IS
    'For each feature with another value the number of rows; a feature that is not named has none.';
-- EXPLAIN shows what ANALYZE keeps, of the jobs too that an analyst may not see.
ALTER TABLE scoring.source_checks
    ALTER rows_now SET STATISTICS 0, ALTER rows_rejected SET STATISTICS 0, ALTER rows_new SET STATISTICS 0,
    ALTER rows_gone SET STATISTICS 0, ALTER rows_changed SET STATISTICS 0, ALTER entities_doubled SET STATISTICS 0,
    ALTER columns_changed SET STATISTICS 0;

CREATE FUNCTION scoring.enter_source_check(
    of_run bigint, now_given bigint, rejected bigint, appeared bigint, gone bigint, changed bigint, doubled bigint,
    by_column jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pruned timestamptz;
BEGIN
    -- Whoever deletes the run's metrics waits, or is seen here.
    SELECT metrics_pruned_at INTO pruned FROM scoring.scoring_runs
    WHERE run_id = of_run AND published_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, so nobody acted on its scores', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF pruned IS NOT NULL THEN
        RAISE EXCEPTION 'the metrics of run % had their time on %, it takes no more', of_run, pruned::date
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM jsonb_each(by_column) AS one WHERE jsonb_typeof(one.value) <> 'number';
    IF FOUND THEN
        RAISE EXCEPTION 'the check of run %: every column has a number of rows', of_run
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO scoring.source_checks (run_id, rows_now, rows_rejected, rows_new, rows_gone, rows_changed,
                                       entities_doubled, columns_changed)
    VALUES (of_run, now_given, rejected, appeared, gone, changed, doubled, by_column);
END $$;
COMMENT ON FUNCTION scoring.enter_source_check IS
    'Enters what the source of a published run gave when it was read again: the one way to do so.';
REVOKE EXECUTE ON FUNCTION scoring.enter_source_check FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.enter_source_check TO scoring_writer;
GRANT SELECT ON scoring.source_checks TO scoring_writer;
GRANT SELECT (run_id) ON scoring.source_checks TO scoring_janitor;
