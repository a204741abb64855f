-- A time that no client can read would hide its row, and all that are read with it. Every time that there is: some the
-- pipeline's role writes, and the others come from a store's files where a database is made again.
DO $$
DECLARE
    place regclass;
    named name;
BEGIN
    FOR place, named IN
        SELECT attrelid, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'scoring'::regnamespace AND relkind = 'r' AND atttypid = 'timestamptz'::regtype
          AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CHECK (%I BETWEEN ''1900-01-01 00:00Z'' AND ''9000-01-01 00:00Z'')',
                       place, named);
    END LOOP;
END $$;
