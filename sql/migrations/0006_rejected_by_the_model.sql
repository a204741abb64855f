-- What was rejected of a part since its extraction is entered with its scores, once. Nothing here fails twice.
CREATE OR REPLACE FUNCTION scoring.claim_part(of_run bigint, of_part integer, scored bigint, digest text, failed bigint)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claimed integer;
BEGIN
    IF failed < 0 OR scored < 0 THEN
        RAISE EXCEPTION 'part % of run %: no count is below 0', of_part, of_run
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- FOR SHARE: the run stays open until this transaction ends.
    PERFORM FROM scoring.scoring_runs AS open
    WHERE open.run_id = of_run AND open.status IN ('running', 'failed') FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is closed, its ledger cannot change', of_run USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE scoring.run_parts AS line
    SET rows_scored = scored, rows_rejected = line.rows_rejected + failed, scored_sha256 = digest, written_at = now()
    WHERE line.run_id = of_run AND line.part = of_part AND line.rows_scored IS NULL
    RETURNING line.part INTO claimed;
    RETURN claimed;
END $$;
COMMENT ON FUNCTION scoring.claim_part IS
    'Enters what was scored of a part of an open run, and the rows rejected since extraction, once; null where it is.';
REVOKE EXECUTE ON FUNCTION scoring.claim_part FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.claim_part TO scoring_writer;

COMMENT ON TABLE scoring.rejected_rows IS
    'Every rule that every rejected row broke, and the rows on which the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.column_name IS
    'The column whose value broke the rule; `(model)` where the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.rule IS
    'The rule of the contract that was broken; `model_error` where the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.value IS
    'The value, or the exception''s type and text, until clean-up removes it.';
COMMENT ON COLUMN scoring.scoring_runs.rows_rejected IS
    'How many of them broke the contract, or made the model itself raise.';
COMMENT ON COLUMN scoring.run_parts.rows_rejected IS
    'How many of them broke the contract, or made the model itself raise.';
COMMENT ON COLUMN scoring.rejections.column_name IS
    'The column whose value broke the rule; `(model)` where the model itself raised.';
COMMENT ON COLUMN scoring.rejections.rule IS
    'The rule of the contract that was broken; `model_error` where the model itself raised.';
