-- The chain of decisions: what each entry is sealed with. Of a run, what it is of and how it went, as
-- pipeline/inspection/chain.py lists the same columns: retention, erasure and a later publication change none of them.

CREATE FUNCTION scoring.first_digest(of_run bigint, of_part integer, of_kind text, now_sha256 text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT rewrite.sha256 FROM scoring.rewrites AS rewrite
                     WHERE rewrite.run_id = of_run AND rewrite.part = of_part AND rewrite.kind = of_kind
                     ORDER BY rewrite.rewrite_id LIMIT 1), now_sha256)
$$;
COMMENT ON FUNCTION scoring.first_digest IS 'The digest that a part''s file had before erasures rewrote it.';

CREATE FUNCTION scoring.digest_of_run(of_run bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' AS $$
    SELECT scoring.sha256_of(scoring.netstrings(
               run.run_id::text, run.job, run.score_date::text, run.trigger, run.triggered_by, run.triggered_as,
               run.attempt::text, run.dry_run::text, run.served_by, run.source_run_id::text, run.staleness_days::text,
               run.interval_start::text, run.interval_end::text, run.idempotency_key, run.model_name,
               run.model_version::text, run.model_sha256, run.model_named::text, run.code_version, run.query_sha256,
               run.job_sha256, run.input_sha256, run.library_versions::text, run.parts::text,
               run.rows_extracted::text, run.rows_rejected::text, run.rows_scored::text, run.findings::text,
               run.started_at::text, run.extracted_at::text, run.scored_at::text, run.published_at::text,
               run.decided_by, run.decided_as, run.decision_reason
           ) || coalesce((
               SELECT string_agg(chr(10) || scoring.netstrings(
                   line.part::text, line.rows_extracted::text, line.rows_rejected::text, line.rows_scored::text,
                   scoring.first_digest(line.run_id, line.part, 'input', line.input_sha256),
                   scoring.first_digest(line.run_id, line.part, 'scored', line.scored_sha256),
                   line.written_at::text), '' ORDER BY line.part)
               FROM scoring.run_parts AS line WHERE line.run_id = run.run_id), ''))
    FROM scoring.scoring_runs AS run WHERE run.run_id = of_run
$$;
COMMENT ON FUNCTION scoring.digest_of_run IS
    'SHA-256 over what a run is of, what it counted and found, who decided on it, and its ledger part by part.';

CREATE FUNCTION scoring.digest_of_erasure(of_erasure bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' AS $$
    SELECT scoring.sha256_of(scoring.netstrings(
               receipt.erasure_id::text, receipt.erased_at::text, receipt.job, receipt.erased_by, receipt.erased_as,
               receipt.reason, receipt.runs::text, receipt.prediction_rows::text,
               receipt.rejected_rows::text, receipt.parts::text))
    FROM scoring.erasures AS receipt WHERE receipt.erasure_id = of_erasure
$$;
COMMENT ON FUNCTION scoring.digest_of_erasure IS 'SHA-256 over the receipt of an erasure.';

-- What no rebuild has entered keeps the hash that it always had.
CREATE FUNCTION scoring.seal_decision() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' AS $$
BEGIN
    SELECT head.entry + 1, head.sha256 INTO NEW.entry, NEW.previous_sha256
    FROM scoring.decisions_head AS head FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decisions_head is empty: nothing can be decided or published'
            USING ERRCODE = 'data_corrupted', HINT = 'Find out who emptied it, and restore it from a backup.';
    END IF;
    NEW.subject_sha256 := CASE WHEN NEW.kind = 'erasure' THEN scoring.digest_of_erasure(NEW.erasure_id)
                               ELSE scoring.digest_of_run(NEW.run_id) END;
    NEW.sha256 := scoring.sha256_of(scoring.netstrings(
        NEW.entry::text, NEW.recorded_at::text, NEW.kind, NEW.job, NEW.score_date::text, NEW.run_id::text,
        NEW.replaced_run_id::text, NEW.erasure_id::text, NEW."by", NEW.login, NEW.reason, NEW.subject_sha256,
        NEW.previous_sha256)
        || CASE WHEN NEW.restored_as IS NULL THEN '' ELSE ',' || scoring.netstrings(NEW.restored_as) END);
    UPDATE scoring.decisions_head SET entry = NEW.entry, sha256 = NEW.sha256;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.seal_decision IS 'Numbers an entry, and seals it with the hash of the one before.';

CREATE FUNCTION scoring.keep_decisions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'decisions are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION scoring.keep_decisions IS 'Refuses to change or remove an entry, to the owner too.';

CREATE FUNCTION scoring.record_erasure() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO scoring.decisions (recorded_at, kind, job, erasure_id, by, login, reason)
    VALUES (NEW.erased_at, 'erasure', NEW.job, NEW.erasure_id, NEW.erased_by, session_user, NEW.reason);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.record_erasure IS 'Enters the receipt of an erasure into `decisions`.';
