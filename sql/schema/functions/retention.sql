-- What retention may take, said once: the listing asks these rules, and so does every function that takes something.
-- Days that are null are for ever.

CREATE FUNCTION scoring.in_work(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT run.status IN ('running', 'failed') AND run.status_since > now() - interval '1 day'
$$;
COMMENT ON FUNCTION scoring.in_work IS 'Whether a try may still be going on with the run.';

CREATE FUNCTION scoring.is_open(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT run.status = 'held' OR scoring.in_work(run)
$$;
COMMENT ON FUNCTION scoring.is_open IS 'Whether a try may still go on with the run, or a person decide on it.';

CREATE FUNCTION scoring.rows_due(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT $1.rows_pruned_at IS NULL AND ($1.expired_at IS NOT NULL
            OR NOT scoring.is_open($1) AND $1.status_since < now() - interval '1 day'
               AND $1.status_since < now() - make_interval(days =>
                   CASE $1.status WHEN 'published' THEN kept.predictions_days ELSE kept.superseded_days END))
        FROM scoring.retention AS kept WHERE kept.job = $1.job), false)
$$;
COMMENT ON FUNCTION scoring.rows_due IS
    'Whether a run''s scores have had their time, by the job''s row in `retention`.';

CREATE FUNCTION scoring.parts_due(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT $1.parts_pruned_at IS NULL AND NOT scoring.is_open($1) AND $1.status_since < now() - interval '1 day'
           AND ($1.status = 'abandoned' OR $1.started_at < now() - make_interval(days => kept.parts_days))
        FROM scoring.retention AS kept WHERE kept.job = $1.job), false)
$$;
COMMENT ON FUNCTION scoring.parts_due IS
    'Whether a run''s files have had their time, by the job''s row in `retention`; an abandoned run''s need none.';

CREATE FUNCTION scoring.rejected_due(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT $1.rejected_pruned_at IS NULL AND NOT scoring.is_open($1) AND $1.status_since < now() - interval '1 day'
           AND $1.started_at < now() - make_interval(days => kept.rejected_values_days)
        FROM scoring.retention AS kept WHERE kept.job = $1.job), false)
$$;
COMMENT ON FUNCTION scoring.rejected_due IS
    'Whether a run''s rejected rows, with their values, have had their time, by the job''s row in `retention`.';

-- A run that analysts see, or could be rolled back to, has its rows; so its metrics stay, whatever the days.
CREATE FUNCTION scoring.metrics_due(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT $1.metrics_pruned_at IS NULL AND $1.rows_pruned_at IS NOT NULL
           AND $1.started_at < now() - make_interval(days => kept.metrics_days)
        FROM scoring.retention AS kept WHERE kept.job = $1.job), false)
$$;
COMMENT ON FUNCTION scoring.metrics_due IS
    'Whether a run''s metrics have had their time, by the job''s row in `retention`: not before its scores have gone.';

CREATE FUNCTION scoring.begin_cleanup() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE scoring.retention IN SHARE UPDATE EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION scoring.begin_cleanup IS
    'Lets nobody else prune or erase until this transaction ends; neither readers nor nights wait.';

CREATE FUNCTION scoring.expire(run bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    -- The lock of publishing and of rolling back: whoever comes second sees what the first one did.
    PERFORM scoring.lock_night(entry.job, entry.score_date);
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF entry.expired_at IS NOT NULL THEN RETURN true; END IF;
    IF NOT scoring.rows_due(entry) THEN RETURN false; END IF;
    -- In one transaction: no reader sees a pointer to rows that are going.
    DELETE FROM scoring.current_runs WHERE job = entry.job AND score_date = entry.score_date AND run_id = run;
    UPDATE scoring.scoring_runs SET
        expired_at = now(),
        status = CASE WHEN entry.status IN ('published', 'superseded') THEN 'superseded' ELSE 'abandoned' END,
        status_reason = CASE entry.status
            WHEN 'published' THEN (SELECT format('expired: predictions are kept %s days', kept.predictions_days)
                                   FROM scoring.retention AS kept WHERE kept.job = entry.job)
            WHEN 'running' THEN 'expired: no try went on with it'
            ELSE entry.status_reason END
    WHERE run_id = run;
    RETURN true;
END $$;
COMMENT ON FUNCTION scoring.expire IS 'Marks a run whose scores have had their time; its rows may go from then on.';

CREATE FUNCTION scoring.expire_parts(run bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF entry.parts_pruned_at IS NOT NULL THEN RETURN true; END IF;
    IF NOT scoring.parts_due(entry) THEN RETURN false; END IF;
    UPDATE scoring.scoring_runs SET parts_pruned_at = now() WHERE run_id = run;
    RETURN true;
END $$;
COMMENT ON FUNCTION scoring.expire_parts IS 'Marks a run whose files have had their time; they may go from then on.';

CREATE FUNCTION scoring.expire_metrics(run bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
    place text;
    deleted bigint;
    gone bigint := 0;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    PERFORM scoring.lock_night(entry.job, entry.score_date);
    -- Whoever measures outcomes waits, and sees what was done.
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF NOT scoring.metrics_due(entry) THEN RETURN 0; END IF;
    FOREACH place IN ARRAY ARRAY['run_metrics', 'feature_metrics', 'profiles', 'outcome_metrics',
                                 'outcome_metrics_history', 'outcome_bins', 'source_checks', 'challenge_results'] LOOP
        EXECUTE format('DELETE FROM scoring.%I WHERE run_id = $1', place) USING run;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        gone := gone + deleted;
    END LOOP;
    -- Their text went when they were sent. What this run was about is not told again: nobody goes on with it.
    DELETE FROM scoring.alerts AS alert USING scoring.retention AS kept
    WHERE alert.run_id = run AND kept.job = entry.job
      AND alert.sent_at < now() - make_interval(days => kept.metrics_days);
    UPDATE scoring.scoring_runs SET metrics_pruned_at = now() WHERE run_id = run;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.expire_metrics IS
    'Deletes a run''s metrics, profiles and outcomes, which have had their time; returns how many rows went.';

CREATE FUNCTION scoring.require_kind(what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (what IN ('scores', 'rejected rows')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a run has scores and rejected rows, and no %', coalesce(what, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
COMMENT ON FUNCTION scoring.require_kind IS 'Refuses other words for what a run has than the two that there are.';

CREATE FUNCTION scoring.table_of(what text, score_date date) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE what WHEN 'scores' THEN to_regclass('scoring.prediction_rows_' || to_char(score_date, 'YYYYMM'))
                     WHEN 'rejected rows' THEN to_regclass('scoring.rejected_rows') END
$$;
COMMENT ON FUNCTION scoring.table_of IS 'The table that holds scores or rejected rows of a score date.';

CREATE FUNCTION scoring.find_rows(run bigint, what text, OUT first_block bigint, OUT last_block bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
    place regclass;
BEGIN
    PERFORM scoring.require_kind(what);
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    place := scoring.table_of(what, entry.score_date);
    IF place IS NOT NULL THEN
        EXECUTE format('SELECT (min(ctid)::text::point)[0]::bigint, (max(ctid)::text::point)[0]::bigint'
                       ' FROM %s WHERE run_id = $1', place) INTO first_block, last_block USING run;
    END IF;
    IF first_block IS NOT NULL THEN RETURN; END IF;
    IF what = 'scores' THEN
        UPDATE scoring.scoring_runs SET rows_pruned_at = now()
        WHERE run_id = run AND expired_at IS NOT NULL AND rows_pruned_at IS NULL;
    ELSE
        UPDATE scoring.scoring_runs SET rejected_pruned_at = now()
        WHERE run_id = run AND scoring.rejected_due(scoring_runs);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.find_rows IS
    'Between which blocks of its table a run has rows; where it has none left, notes that they have gone.';

-- A range of blocks at a time: a condition on run_id alone would read all that went before again, for every batch.
CREATE FUNCTION scoring.delete_rows(run bigint, what text, first_block bigint, last_block bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_bitmapscan = off AS $$
DECLARE
    entry scoring.scoring_runs;
    gone bigint;
BEGIN
    PERFORM scoring.require_kind(what);
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    IF what = 'scores' AND entry.expired_at IS NULL
       OR what = 'rejected rows' AND NOT scoring.rejected_due(entry) THEN
        RAISE EXCEPTION 'the % of run % are not due', what, run;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE run_id = $1 AND ctid >= $2 AND ctid < $3',
                   scoring.table_of(what, entry.score_date))
    USING run, format('(%s,0)', first_block)::tid, format('(%s,0)', last_block)::tid;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.delete_rows IS 'Deletes what is due of a run between two blocks of its table.';
