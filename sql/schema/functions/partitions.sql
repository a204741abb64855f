-- A month's partition of prediction_rows: made when it is missing, and kept fit for look-ups.

-- A function cannot VACUUM, and a role that may (MAINTAIN) may lock every reader out as well. Autovacuum needs neither.
CREATE FUNCTION scoring.vacuum_soon(place regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)', place);
END $$;
COMMENT ON FUNCTION scoring.vacuum_soon IS
    'Has autovacuum free the room of a table''s deleted rows at its next round, however few they are.';

-- EXPLAIN tells anybody how many rows the planner expects, from what ANALYZE kept of all rows: values among them.
CREATE FUNCTION scoring.keep_no_values(place regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hidden CONSTANT text[] := ARRAY['entity_id', 'score', 'label', 'class_scores', 'value', 'count', 'slice_value',
        'status_reason', 'findings', 'triggered_by', 'triggered_as', 'decided_by', 'decided_as', 'decision_reason',
        'by', 'login', 'reason'];
    named name;
BEGIN
    FOR named IN SELECT attname FROM pg_attribute
                 WHERE attrelid = place AND attnum > 0 AND NOT attisdropped AND attname = ANY (hidden) LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', place, named);
    END LOOP;
END $$;
COMMENT ON FUNCTION scoring.keep_no_values IS
    'Has ANALYZE keep of a table what plans need, and no score, entity, figure or text: EXPLAIN shows it to anybody.';

CREATE FUNCTION scoring.ensure_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    child text := 'prediction_rows_' || to_char(first, 'YYYYMM');
BEGIN
    PERFORM scoring.require_date(day);
    IF to_regclass('scoring.' || child) IS NOT NULL THEN RETURN; END IF;
    -- The lock that ATTACH takes anyway: whoever reads or writes does not wait for it, and no reader can take it.
    LOCK TABLE scoring.prediction_rows IN SHARE UPDATE EXCLUSIVE MODE;
    -- Not to_regclass again: it may remember, from the look above, that there is no such table.
    PERFORM FROM pg_class WHERE relname = child AND relnamespace = 'scoring'::regnamespace;
    IF FOUND THEN RETURN; END IF;
    -- ATTACH takes a lock that readers of the parent do not wait for; CREATE ... PARTITION OF takes one that they do.
    EXECUTE format('CREATE TABLE scoring.%I (LIKE scoring.prediction_rows INCLUDING ALL)', child);
    PERFORM scoring.vacuum_soon(to_regclass('scoring.' || child));
    PERFORM scoring.keep_no_values(to_regclass('scoring.' || child));
    EXECUTE format('ALTER TABLE scoring.prediction_rows ATTACH PARTITION scoring.%I FOR VALUES FROM (%L) TO (%L)',
                   child, first, first + interval '1 month');
END $$;
COMMENT ON FUNCTION scoring.ensure_partition IS 'Makes the month''s partition of prediction_rows when it is missing.';

-- Vacuum covers the rows as well; who waits for it would wait for long.
CREATE FUNCTION scoring.summarize(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM brin_summarize_new_values(index.indexrelid)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    JOIN pg_am AS am ON am.oid = class.relam
    WHERE index.indrelid = to_regclass('scoring.prediction_rows_' || to_char(day, 'YYYYMM')) AND am.amname = 'brin';
EXCEPTION WHEN lock_not_available THEN
    RAISE DEBUG 'the month of % is being vacuumed, or covered by another', day;
END $$;
COMMENT ON FUNCTION scoring.summarize IS
    'Brings the month''s BRIN indexes up to date, so that readers skip blocks; leaves it to whoever is at it already.';

-- Without statistics the planner takes each look-up to read the whole index, and reads the whole table instead.
CREATE FUNCTION scoring.analyze(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    EXECUTE format('ANALYZE scoring.%I', 'prediction_rows_' || to_char(day, 'YYYYMM'));
EXCEPTION WHEN lock_not_available THEN
    RAISE DEBUG 'the month of % is being vacuumed, or analyzed by another', day;
END $$;
COMMENT ON FUNCTION scoring.analyze IS
    'Tells the planner what the month''s scores are like, so that it uses their index; leaves it to whoever is at it.';
