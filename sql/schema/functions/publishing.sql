-- What moves the pointer: publishing, approving, rejecting, rolling back, and the fallback of a run that failed.

CREATE FUNCTION scoring.admit(
    run_id bigint, who text, reason text, OUT outcome text, OUT replaced bigint, OUT said text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run scoring.scoring_runs;
BEGIN
    SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = admit.run_id;
    IF FOUND THEN
        PERFORM scoring.lock_night(run.job, run.score_date);
        SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = admit.run_id FOR UPDATE;
    END IF;
    IF who IS NOT NULL AND run.status IS DISTINCT FROM 'held' THEN
        outcome := 'not held'; said := format('run %s is not held', admit.run_id); RETURN;
    -- `failed` is a note of a try that broke off: no reason against a run whose audit has passed since.
    ELSIF who IS NULL AND coalesce(run.status, '') NOT IN ('running', 'failed') THEN
        outcome := 'ended';
        said := format('run %s is %s (%s): nothing to do', admit.run_id, coalesce(run.status, 'unknown'),
                       coalesce(run.status_reason, 'finished'));
        RETURN;
    END IF;
    said := scoring.overtaken(run);
    IF said IS NULL AND NOT run.dry_run THEN
        -- Two runs of one key may pass their look for a twin before either is published.
        SELECT format('run %s published the same input, model, code and configuration', twin.run_id) INTO said
        FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS twin USING (run_id)
        WHERE current.job = run.job AND current.score_date = run.score_date
          AND twin.idempotency_key = run.idempotency_key;
    END IF;
    IF said IS NOT NULL THEN
        outcome := 'overtaken';
        UPDATE scoring.scoring_runs AS late SET status = 'abandoned', status_reason = said
        WHERE late.run_id = run.run_id;
        RETURN;
    END IF;
    said := CASE WHEN run.dry_run THEN 'it is a dry run'
                 WHEN run.idempotency_key IS NULL THEN 'its model was not loaded'
                 ELSE 'its ledger does not add up: ' || scoring.unbalanced(run) END;
    IF said IS NULL AND NOT run.model_named THEN
        said := scoring.older_model(run.job, run.score_date, run.model_name, run.model_version);
    END IF;
    IF said IS NOT NULL THEN
        outcome := 'refused'; RETURN;
    END IF;
    IF who IS NOT NULL THEN
        UPDATE scoring.scoring_runs AS decided
        SET decided_by = who, decided_as = session_user, decision_reason = reason
        WHERE decided.run_id = run.run_id;
    ELSIF reason IS NOT NULL THEN
        UPDATE scoring.scoring_runs AS served SET decision_reason = reason WHERE served.run_id = run.run_id;
    END IF;
    outcome := 'published';
    replaced := scoring.point(run.run_id, 'replaced by run ' || run.run_id,
                              CASE WHEN who IS NULL THEN 'publish' ELSE 'approval' END, who, reason);
END $$;
COMMENT ON FUNCTION scoring.admit IS
    'Publishes an open run, or in a person''s name a held one, or says why not: what scoring.publish and '
    'scoring.approve have in common.';

CREATE FUNCTION scoring.publish(
    run_id bigint, who text DEFAULT NULL, reason text DEFAULT NULL,
    OUT outcome text, OUT replaced bigint, OUT said text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF who IS NOT NULL THEN
        RAISE EXCEPTION 'only scoring.approve publishes a run in a person''s name'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT done.* INTO outcome, replaced, said FROM scoring.admit(run_id, NULL, reason) AS done;
END $$;
COMMENT ON FUNCTION scoring.publish IS
    'Publishes an open run in nobody''s name, or says why not. The pointer only moves to a run that is younger than '
    'every run ever published for that job and score date: an older one that ends late is abandoned, also when the '
    'younger one has been rolled back since. A model version lower than the published one is refused, unless a person '
    'named it. A held run is published by scoring.approve alone.';

CREATE FUNCTION scoring.approve(
    run_id bigint, who text, reason text, OUT outcome text, OUT replaced bigint, OUT said text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT done.* INTO outcome, replaced, said FROM scoring.admit(run_id, coalesce(who, ''), reason) AS done;
END $$;
COMMENT ON FUNCTION scoring.approve IS
    'Publishes a held run in a person''s name, by the same rules as scoring.publish, or says why not.';

CREATE FUNCTION scoring.reject(run_id bigint, who text, reason text, OUT refusal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run scoring.scoring_runs;
BEGIN
    SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = reject.run_id;
    IF FOUND THEN
        PERFORM scoring.lock_night(run.job, run.score_date);
        SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = reject.run_id FOR UPDATE;
    END IF;
    IF run.status IS DISTINCT FROM 'held' THEN
        refusal := format('run %s is not held', reject.run_id); RETURN;
    END IF;
    UPDATE scoring.scoring_runs AS decided
    SET status = 'abandoned', decided_by = who, decided_as = session_user, decision_reason = reject.reason
    WHERE decided.run_id = run.run_id;
    INSERT INTO scoring.decisions (recorded_at, kind, job, score_date, run_id, by, login, reason)
    VALUES (clock_timestamp(), 'rejection', run.job, run.score_date, run.run_id, who, session_user, reject.reason);
END $$;
COMMENT ON FUNCTION scoring.reject IS 'Abandons a held run in a person''s name, or says why not.';

CREATE FUNCTION scoring.roll_back(
    job text, score_date date, run_id bigint, who text, reason text,
    OUT shown bigint, OUT replaced bigint, OUT refusal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    night text := format('%s %s', job, to_char(score_date, 'YYYY-MM-DD'));
    current bigint;
    possible text;
    expected bigint;
    remaining bigint;
BEGIN
    PERFORM scoring.lock_night(job, score_date);
    SELECT pointer.run_id INTO current FROM scoring.current_runs AS pointer
    WHERE pointer.job = roll_back.job AND pointer.score_date = roll_back.score_date;
    IF current IS NULL THEN
        refusal := format('%s: no run is published, so there is none to roll back', night); RETURN;
    END IF;
    SELECT coalesce(max(run.run_id) FILTER (WHERE run.run_id = roll_back.run_id),
                    max(run.run_id) FILTER (WHERE run.run_id < current AND roll_back.run_id IS NULL)),
           coalesce(string_agg(run.run_id::text, ', ' ORDER BY run.run_id DESC), 'none')
    INTO shown, possible
    FROM scoring.scoring_runs AS run
    WHERE run.job = roll_back.job AND run.score_date = roll_back.score_date AND run.published_at IS NOT NULL
      AND run.run_id <> current AND run.expired_at IS NULL;
    IF shown IS NULL THEN
        refusal := format('%s: %s. Run %s is published; runs published before: %s', night,
                          CASE WHEN roll_back.run_id IS NULL THEN 'no run was published before run ' || current
                               ELSE 'run ' || roll_back.run_id || ' is none that can be rolled back to' END,
                          current, possible);
        RETURN;
    END IF;
    PERFORM FROM scoring.scoring_runs AS run WHERE run.run_id IN (current, shown) ORDER BY run.run_id FOR UPDATE;
    -- The parts' lines of the ledger say how many rows there must be.
    SELECT coalesce(sum(part.rows_scored - part.rows_erased), 0) INTO expected
    FROM scoring.run_parts AS part WHERE part.run_id = shown;
    SELECT count(*) INTO remaining FROM scoring.prediction_rows AS kept
    WHERE kept.score_date = roll_back.score_date AND kept.run_id = shown;
    IF remaining <> expected THEN
        refusal := format('%s: run %s has %s of its %s rows left. Runs published before: %s', night, shown, remaining,
                          expected, possible);
        shown := NULL;
        RETURN;
    END IF;
    replaced := scoring.point(shown, format('rolled back by %s: %s', who, reason), 'rollback', who, reason);
END $$;
COMMENT ON FUNCTION scoring.roll_back IS
    'Shows a night''s run again that was published before, in a person''s name: the given one, else the one before the '
    'current. Says why not, and what is possible. Later runs publish on top as usual.';

CREATE FUNCTION scoring.serve_last_published(
    job text, score_date date, trigger text, reason text,
    OUT served bigint, OUT source bigint, OUT refusal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    night text := format('%s %s', job, to_char(score_date, 'YYYY-MM-DD'));
    last scoring.scoring_runs;
BEGIN
    -- Where it is day already, the next day has begun. A night to come would hide those before it.
    IF score_date > (now() AT TIME ZONE 'UTC')::date + 1 THEN
        refusal := format('%s: the night has not come yet, so it cannot have failed', night); RETURN;
    END IF;
    PERFORM scoring.ensure_partition(score_date);
    PERFORM scoring.lock_night(job, score_date);
    -- Of nights that were scored themselves: a fallback of a fallback would hide how old its rows are.
    SELECT run.* INTO last FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run USING (run_id)
    WHERE current.job = $1 AND current.score_date < $2 AND run.staleness_days = 0
    ORDER BY current.score_date DESC LIMIT 1;
    IF NOT FOUND THEN
        refusal := format('%s: no earlier night is published that could be served again', night); RETURN;
    END IF;
    source := last.run_id;
    SELECT run.run_id INTO served FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run USING (run_id)
    WHERE current.job = $1 AND current.score_date = $2 AND run.source_run_id = source;
    IF FOUND THEN RETURN; END IF;
    INSERT INTO scoring.scoring_runs (
        job, score_date, trigger, dry_run, interval_start, interval_end, idempotency_key, model_name, model_version,
        model_sha256, model_named, code_version, query_sha256, job_sha256, input_sha256, library_versions, parts,
        rows_extracted, rows_rejected, rows_scored, extracted_at, scored_at, parts_pruned_at, served_by, source_run_id,
        staleness_days, pipeline_version)
    VALUES (
        last.job, $2, $3, false, last.interval_start, last.interval_end,
        encode(sha256(convert_to(format('%s served again as %s', last.run_id, night), 'UTF8')), 'hex'),
        last.model_name, last.model_version, last.model_sha256, true, last.code_version, last.query_sha256,
        last.job_sha256, last.input_sha256, last.library_versions, last.parts, last.rows_extracted, last.rows_rejected,
        last.rows_scored, last.extracted_at, last.scored_at, now(), 'last_published', last.run_id,
        $2 - last.score_date, last.pipeline_version)
    RETURNING scoring_runs.run_id INTO served;
    INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_erased, input_sha256,
                                   rows_scored, scored_sha256, written_at)
    SELECT served, part, rows_extracted, rows_rejected, rows_erased, input_sha256, rows_scored, scored_sha256,
           written_at
    FROM scoring.run_parts WHERE run_id = last.run_id;
    PERFORM scoring.write_as(served);
    INSERT INTO scoring.prediction_rows (score_date, run_id, part, entity_id, score, label, class_scores)
    SELECT $2, served, rows.part, rows.entity_id, rows.score, rows.label, rows.class_scores
    FROM scoring.prediction_rows AS rows WHERE rows.score_date = last.score_date AND rows.run_id = last.run_id;
    SELECT CASE WHEN done.outcome <> 'published' THEN format('%s: %s', night, done.said) END INTO refusal
    FROM scoring.publish(served, NULL, reason) AS done;
END $$;
COMMENT ON FUNCTION scoring.serve_last_published IS
    'Publishes the scores of the last published night again, as those of a night that failed: a run of its own, marked '
    'with where its rows come from and how old they are. Says why not.';
