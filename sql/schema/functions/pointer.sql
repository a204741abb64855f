-- The pointer of a job and score date: its lock, what speaks against moving it, and its move.

CREATE FUNCTION scoring.lock_night(job text, score_date date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF job IS NULL OR score_date IS NULL THEN RETURN; END IF;
    PERFORM scoring.require_date(score_date);
    INSERT INTO scoring.nights (job, score_date) VALUES ($1, $2) ON CONFLICT DO NOTHING;
    PERFORM FROM scoring.nights AS night WHERE night.job = $1 AND night.score_date = $2 FOR UPDATE;
END $$;
COMMENT ON FUNCTION scoring.lock_night IS
    'Makes new tries of a night, moves of its pointer, and clean-up of its runs wait for one another; no reader waits.';

CREATE FUNCTION scoring.overtaken(run scoring.scoring_runs) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A fallback stands in until the night itself is there, however old that run is.
    SELECT coalesce((
        SELECT format(CASE WHEN current.run_id IS NOT NULL THEN 'run %s is newer and published'
                           ELSE 'run %s is newer and was published before it was rolled back' END, youngest.run_id)
        FROM (SELECT max(ever.run_id) AS run_id FROM scoring.scoring_runs AS ever
              WHERE ever.job = $1.job AND ever.score_date = $1.score_date AND ever.published_at IS NOT NULL
                AND (ever.served_by = 'model' OR $1.served_by <> 'model')) AS youngest
        LEFT JOIN scoring.current_runs AS current USING (run_id)
        WHERE youngest.run_id > $1.run_id
    ), (
        SELECT format('run %s, of the night itself, is published', own.run_id)
        FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS own USING (run_id)
        WHERE current.job = $1.job AND current.score_date = $1.score_date AND own.served_by = 'model'
          AND $1.served_by <> 'model'
    ))
$$;
COMMENT ON FUNCTION scoring.overtaken IS
    'Why a run is not published by itself: a younger one of its job and score date was. Null where it may be.';

CREATE FUNCTION scoring.older_model(job text, score_date date, model_name text, model_version integer)
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('model %s version %s is older than version %s, with which run %s of %s %s is published. What is '
                  'published stays. If the older one is meant, name it: --model-version %2$s, or the Param '
                  'model_version. Else correct the alias in models/%1$s/versions.toml.',
                  $3, $4, run.model_version, run.run_id, $1, to_char($2, 'YYYY-MM-DD'))
    FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run USING (run_id)
    WHERE current.job = $1 AND current.score_date = $2 AND run.served_by = 'model' AND run.model_name = $3
      AND run.model_version > $4
$$;
COMMENT ON FUNCTION scoring.older_model IS
    'Why a model version that nobody named is not published where a higher one is; null where no higher one is.';

CREATE FUNCTION scoring.unbalanced(run scoring.scoring_runs) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s of %s parts written, %s rows extracted, %s scored, %s rejected',
                  written, coalesce($1.parts::text, 'unknown'), extracted, scored, rejected)
    FROM (SELECT count(*) AS parts, count(part.rows_scored) AS written,
                 coalesce(sum(part.rows_extracted), 0) AS extracted,
                 coalesce(sum(part.rows_scored), 0) AS scored, coalesce(sum(part.rows_rejected), 0) AS rejected
          FROM scoring.run_parts AS part WHERE part.run_id = $1.run_id) AS ledger
    WHERE (written, parts, extracted, scored, rejected, extracted)
          IS DISTINCT FROM (parts, $1.parts, $1.rows_extracted, $1.rows_scored, $1.rows_rejected, scored + rejected)
$$;
COMMENT ON FUNCTION scoring.unbalanced IS 'What does not add up in a run''s ledger; null where all does.';

CREATE FUNCTION scoring.point(run_id bigint, because text, kind text, who text, reason text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    run scoring.scoring_runs;
    replaced bigint;
BEGIN
    SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = point.run_id;
    SELECT current.run_id INTO replaced FROM scoring.current_runs AS current
    WHERE current.job = run.job AND current.score_date = run.score_date;
    UPDATE scoring.scoring_runs AS old SET status = 'superseded', status_reason = because WHERE old.run_id = replaced;
    UPDATE scoring.scoring_runs AS new
    SET status = 'published', status_reason = NULL, published_at = coalesce(new.published_at, moment)
    WHERE new.run_id = run.run_id;
    INSERT INTO scoring.current_runs AS current (job, score_date, run_id) VALUES (run.job, run.score_date, run.run_id)
    ON CONFLICT ON CONSTRAINT current_runs_pkey DO UPDATE SET run_id = EXCLUDED.run_id;
    INSERT INTO scoring.publications (job, score_date, run_id, replaced_run_id, published_at, kind, by, login, reason)
    VALUES (run.job, run.score_date, run.run_id, replaced, moment, point.kind, point.who, session_user, point.reason);
    -- Last: whoever publishes next, of whatever night, waits from here to the commit.
    INSERT INTO scoring.decisions (recorded_at, kind, job, score_date, run_id, replaced_run_id, by, login, reason)
    VALUES (moment, point.kind, run.job, run.score_date, run.run_id, replaced, point.who, session_user, point.reason);
    RETURN replaced;
END $$;
COMMENT ON FUNCTION scoring.point IS
    'Moves a night''s pointer and enters the move into `publications` and `decisions`; returns the run that was shown '
    'before.';
