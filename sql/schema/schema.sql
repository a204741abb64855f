-- The schema. Of two migrations at once, the second waits here, and then has nothing to do: a comment locks its schema
-- until the transaction ends, and only the schema's owner can take that lock.
DO $$
BEGIN
    IF to_regnamespace('scoring') IS NULL THEN
        BEGIN
            CREATE SCHEMA scoring;
        EXCEPTION WHEN unique_violation OR duplicate_schema THEN
            NULL;  -- another migration was first
        END;
    END IF;
    COMMENT ON SCHEMA scoring IS 'Nightly scores: predictions, the runs that made them, and their ledger.';
END $$;
