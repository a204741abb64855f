-- Which run a session's rows are of. COPY loads rows one by one where a table has a BEFORE ROW trigger, or its
-- partitions a transition table. A trigger AFTER each row keeps nothing of a row for which its WHEN is false, and costs
-- next to nothing. That WHEN knows run and score date by currval() of the sequence `writing`.

CREATE FUNCTION scoring.write_as(INOUT run_id bigint, OUT status text, OUT status_reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current xid8 := pg_current_xact_id();
    written bigint;
    day date;
BEGIN
    SELECT writer.run_id INTO written FROM scoring.writers AS writer WHERE writer.transaction = current;
    IF written <> write_as.run_id THEN
        RAISE EXCEPTION 'this transaction writes run %, it cannot write run %, too', written, write_as.run_id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Begin a transaction for each run.';
    END IF;
    -- FOR SHARE: nobody can close or publish the run before this transaction ends.
    SELECT run.status, run.status_reason, run.score_date INTO write_as.status, write_as.status_reason, day
    FROM scoring.scoring_runs AS run WHERE run.run_id = write_as.run_id FOR SHARE;
    IF status IN ('running', 'failed') THEN
        IF written IS NULL THEN
            DELETE FROM scoring.writers AS ended WHERE ended.transaction IN (
                SELECT other.transaction FROM scoring.writers AS other FOR UPDATE SKIP LOCKED);
            INSERT INTO scoring.writers (transaction, run_id) VALUES (current, write_as.run_id);
        END IF;
        PERFORM setval('scoring.writing', run_id * 1048576 + (day - '1970-01-01'));
    END IF;
END $$;
COMMENT ON FUNCTION scoring.write_as IS
    'Lets this transaction insert rows of one open run, and holds it open until it ends; tells its status.';

CREATE FUNCTION scoring.claim_part(of_run bigint, of_part integer, scored bigint, digest text, failed bigint)
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

CREATE FUNCTION scoring.guard_writing() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run bigint;
BEGIN
    BEGIN
        run := currval('scoring.writing') >> 20;
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        NULL;
    END;
    IF scoring.acts_as_owner(TG_RELID) THEN
        IF run IS NULL THEN
            PERFORM setval('scoring.writing', 9223372036854775807);  -- no run's; guard_rows lets the owner pass
        END IF;
    ELSIF run IS NULL THEN
        RAISE EXCEPTION 'no run is open for %: SELECT scoring.write_as(run_id) first', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    ELSIF coalesce((scoring.write_as(run)).status, '') NOT IN ('running', 'failed') THEN
        RAISE EXCEPTION 'run % is closed, it takes no more %', run, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.guard_writing IS 'Refuses rows unless the session writes an open run, and holds it open.';

CREATE FUNCTION scoring.guard_rows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run CONSTANT bigint := currval('scoring.writing') >> 20;
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NULL; END IF;
    IF NEW.run_id = run THEN
        RAISE EXCEPTION 'a row of run % for %, and the score date of that run is %', run, NEW.score_date,
            date '1970-01-01' + (currval('scoring.writing') & 1048575)::integer
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RAISE EXCEPTION 'a row of run %, and this session writes run %', NEW.run_id, run
        USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION scoring.guard_rows IS
    'Refuses a row of another run or score date than those that the session writes.';
