-- Archived rows, taken back from the store. For the owner alone, who needs no such function to change a table: they
-- spare `rebuild` a list of every column.

CREATE FUNCTION scoring.restore_rows(of_table text, lines jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text;
    restored bigint;
BEGIN
    -- A column that is younger than what was archived takes its default.
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute
    WHERE attrelid = to_regclass('scoring.' || quote_ident(of_table)) AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' AND lines -> 0 ? attname;
    IF columns IS NULL THEN RETURN 0; END IF;
    EXECUTE format('INSERT INTO scoring.%1$I (%2$s) OVERRIDING SYSTEM VALUE '
                   'SELECT %2$s FROM jsonb_populate_recordset(NULL::scoring.%1$I, $1)', of_table, columns)
    USING lines;
    GET DIAGNOSTICS restored = ROW_COUNT;
    RETURN restored;
END $$;
COMMENT ON FUNCTION scoring.restore_rows IS
    'Inserts archived rows of a table as they were, numbers and times too; returns how many.';

CREATE FUNCTION scoring.restore_run(run jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text;
BEGIN
    PERFORM FROM scoring.scoring_runs WHERE run_id = (run ->> 'run_id')::bigint;
    IF NOT FOUND THEN
        PERFORM scoring.restore_rows('scoring_runs', jsonb_build_array(run));
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute
    WHERE attrelid = 'scoring.scoring_runs'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND attidentity = '' AND run ? attname;
    EXECUTE format('UPDATE scoring.scoring_runs SET (%1$s) = '
                   '(SELECT %1$s FROM jsonb_populate_record(NULL::scoring.scoring_runs, $1)) WHERE run_id = $2',
                   columns)
    USING run, (run ->> 'run_id')::bigint;
    -- A trigger stamps a new status with the present.
    UPDATE scoring.scoring_runs SET status_since = (run ->> 'status_since')::timestamptz
    WHERE run_id = (run ->> 'run_id')::bigint;
END $$;
COMMENT ON FUNCTION scoring.restore_run IS 'Makes the row of a run what it was when it was archived.';
