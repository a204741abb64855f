-- Rights on the function that enters later rejections, and comments that speak of them. Nothing here fails twice.
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
