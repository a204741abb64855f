-- What an erasure has made of a run's parts while something was computed of them: a challenger's scores, or reasons.

CREATE FUNCTION scoring.parts_rewritten(of_run bigint, parts integer[], inputs text[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.run_parts AS line WHERE line.run_id = of_run FOR SHARE;
    PERFORM FROM scoring.run_parts AS line
    LEFT JOIN unnest(parts, inputs) AS given (part, input) ON given.part = line.part
    WHERE line.run_id = of_run
      AND (given.input IS DISTINCT FROM line.input_sha256 OR line.input_sha256_next IS NOT NULL);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION scoring.parts_rewritten IS
    'Whether a run''s parts are others than those given, or about to be; holds them as they are until the transaction ends.';
REVOKE ALL ON FUNCTION scoring.parts_rewritten FROM PUBLIC;
