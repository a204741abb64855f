"""Figures freeze with their run, locks are rows, the janitor decides nothing, dates are bounded."""

from alembic import op

revision = "0012"
down_revision = "0011"

# Any session may take any advisory lock of its database. These are locks that only the owner's functions can take.
NIGHTS = """
CREATE TABLE scoring.nights (
    job        text NOT NULL,
    score_date date NOT NULL,
    PRIMARY KEY (job, score_date)
);
COMMENT ON TABLE scoring.nights IS
    'One row for every night, to be locked: only the owner''s functions can, so no reader holds a night up.';
REVOKE ALL ON scoring.nights FROM PUBLIC;

CREATE OR REPLACE FUNCTION scoring.lock_night(job text, score_date date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF job IS NULL OR score_date IS NULL THEN RETURN; END IF;
    PERFORM scoring.require_date(score_date);
    INSERT INTO scoring.nights (job, score_date) VALUES ($1, $2) ON CONFLICT DO NOTHING;
    PERFORM FROM scoring.nights AS night WHERE night.job = $1 AND night.score_date = $2 FOR UPDATE;
END $$;
COMMENT ON FUNCTION scoring.lock_night IS
    'Makes new tries of a night, moves of its pointer, and clean-up of its runs wait for one another; no reader waits.';
REVOKE EXECUTE ON FUNCTION scoring.lock_night FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.lock_night TO scoring_writer;
"""

DATES = """
CREATE FUNCTION scoring.require_date(day date) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last date := (now() AT TIME ZONE 'UTC')::date + 366;
BEGIN
    IF day IS NULL OR day NOT BETWEEN '1970-01-01' AND last THEN
        RAISE EXCEPTION 'score date % is not between 1970-01-01 and %', coalesce(day::text, 'NULL'), last
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Name a day that has data.';
    END IF;
END $$;
COMMENT ON FUNCTION scoring.require_date IS
    'Refuses a score date before 1970 or more than 366 days ahead, as pipeline/config/dates.py does.';
REVOKE EXECUTE ON FUNCTION scoring.require_date FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.require_date TO scoring_writer;

CREATE FUNCTION scoring.guard_date() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM scoring.require_date(NEW.score_date);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_date IS 'Refuses a new row of a score date that cannot be, whoever enters it.';
REVOKE EXECUTE ON FUNCTION scoring.guard_date FROM PUBLIC;
CREATE TRIGGER guard_date BEFORE INSERT ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_date();
CREATE TRIGGER guard_date BEFORE INSERT ON scoring.alerts
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_date();

CREATE OR REPLACE FUNCTION scoring.ensure_partition(day date) RETURNS void
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
"""

# A time that no client can read would hide its row, and all that are read with it. Every time that there is so far:
# some the pipeline's role writes, and the others come from a store's files where a database is made again.
TIMES = """
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
ALTER TABLE scoring.scoring_runs ADD CHECK (interval_start < interval_end);
"""

# A null among them gives neither true nor false, and NaN is greater than all.
CLASSES = """
ALTER TABLE scoring.prediction_rows ADD CHECK (
    class_scores IS NULL OR ('Infinity' > ALL (class_scores) AND '-Infinity' < ALL (class_scores)) IS TRUE);
"""

# A function cannot VACUUM, and a role that may (MAINTAIN) may lock every reader out as well. Autovacuum needs neither.
VACUUM = """
CREATE FUNCTION scoring.vacuum_soon(place regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)', place);
END $$;
COMMENT ON FUNCTION scoring.vacuum_soon IS
    'Has autovacuum free the room of a table''s deleted rows at its next round, however few they are.';
REVOKE EXECUTE ON FUNCTION scoring.vacuum_soon FROM PUBLIC;
SELECT scoring.vacuum_soon('scoring.rejected_rows');
SELECT scoring.vacuum_soon(inhrelid) FROM pg_inherits WHERE inhparent = 'scoring.prediction_rows'::regclass;

DO $$
DECLARE
    place regclass;
BEGIN
    FOR place IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'scoring.prediction_rows'::regclass LOOP
        EXECUTE format('REVOKE ALL ON %s FROM scoring_janitor', place);
    END LOOP;
    REVOKE ALL ON scoring.rejected_rows FROM scoring_janitor;
    GRANT SELECT (run_id) ON scoring.rejected_rows TO scoring_janitor;
END $$;
DROP FUNCTION scoring.let_vacuum;
"""

# The WHEN of guard_rows knows the run by currval(), which outlives a subtransaction that is rolled back; the lock of
# the run does not. A function inside of an INSERT could so leave the number of a run that it no longer held. What it
# cannot undo is a row that was written before the INSERT began: so a transaction writes one run, and no second.
WRITING = """
CREATE TABLE scoring.writers (
    transaction xid8   PRIMARY KEY,
    run_id      bigint NOT NULL
);
COMMENT ON TABLE scoring.writers IS
    'Which run each open transaction writes. Rows that others can see are of transactions that have ended.';
REVOKE ALL ON scoring.writers FROM PUBLIC;

CREATE OR REPLACE FUNCTION scoring.write_as(INOUT run_id bigint, OUT status text, OUT status_reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current xid8 := pg_current_xact_id();
    written bigint;
BEGIN
    SELECT writer.run_id INTO written FROM scoring.writers AS writer WHERE writer.transaction = current;
    IF written <> write_as.run_id THEN
        RAISE EXCEPTION 'this transaction writes run %, it cannot write run %, too', written, write_as.run_id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Begin a transaction for each run.';
    END IF;
    -- FOR SHARE: nobody can close or publish the run before this transaction ends.
    SELECT run.status, run.status_reason INTO write_as.status, write_as.status_reason
    FROM scoring.scoring_runs AS run WHERE run.run_id = write_as.run_id FOR SHARE;
    IF status IN ('running', 'failed') THEN
        IF written IS NULL THEN
            DELETE FROM scoring.writers AS ended WHERE ended.transaction IN (
                SELECT other.transaction FROM scoring.writers AS other FOR UPDATE SKIP LOCKED);
            INSERT INTO scoring.writers (transaction, run_id) VALUES (current, write_as.run_id);
        END IF;
        PERFORM setval('scoring.writing', run_id);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.write_as IS
    'Lets this transaction insert rows of one open run, and holds it open until it ends; tells its status.';

CREATE OR REPLACE FUNCTION scoring.guard_writing() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run bigint;
BEGIN
    BEGIN
        run := currval('scoring.writing');
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
REVOKE EXECUTE ON FUNCTION scoring.guard_writing, scoring.guard_rows FROM PUBLIC;
"""

FIGURES = """
CREATE FUNCTION scoring.guard_figures() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'UPDATE' THEN OLD.run_id END;
    run bigint;
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    FOREACH run IN ARRAY ARRAY[NEW.run_id, coalesce(before, NEW.run_id)] LOOP
        -- FOR SHARE: the run stays open until this transaction ends.
        PERFORM FROM scoring.scoring_runs AS open
        WHERE open.run_id = run AND open.status IN ('running', 'failed') FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'run % is closed, its % cannot change', run, TG_ARGV[0]
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_figures IS
    'Refuses, to all but the owner''s functions, a change to a closed run''s ledger, metrics or profiles.';
REVOKE EXECUTE ON FUNCTION scoring.guard_figures FROM PUBLIC;
DROP TRIGGER guard_parts ON scoring.run_parts;
DROP FUNCTION scoring.guard_parts;
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.run_parts
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('ledger');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.run_metrics
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('metrics');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.feature_metrics
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('metrics');
CREATE TRIGGER guard_figures BEFORE INSERT OR UPDATE ON scoring.profiles
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_figures('profiles');
REVOKE UPDATE ON scoring.run_metrics, scoring.feature_metrics, scoring.profiles FROM scoring_writer;
GRANT UPDATE (value) ON scoring.run_metrics, scoring.feature_metrics TO scoring_writer;
GRANT UPDATE (label, count) ON scoring.profiles TO scoring_writer;

-- What a message was about stays; how it was sent is noted, and its text goes with that.
REVOKE UPDATE ON scoring.alerts FROM scoring_writer;
GRANT UPDATE (body, repeated, reached, tries, sent_at, last_error) ON scoring.alerts TO scoring_writer;
"""

OUTCOMES = """
CREATE TABLE scoring.outcome_metrics_history (
    run_id       bigint           NOT NULL REFERENCES scoring.scoring_runs,
    slice_column text             NOT NULL,
    slice_value  text,
    metric       text             NOT NULL,
    value        double precision NOT NULL,
    measured_at  timestamptz      NOT NULL,
    replaced_at  timestamptz      NOT NULL,
    replaced_by  text             NOT NULL
);
CREATE INDEX outcome_metrics_history_by_run ON scoring.outcome_metrics_history (run_id, replaced_at);
COMMENT ON TABLE scoring.outcome_metrics_history IS
    'What `outcome_metrics` said of a run before it was measured again, append-only.';
COMMENT ON COLUMN scoring.outcome_metrics_history.replaced_by IS 'The login that measured again.';
REVOKE ALL ON scoring.outcome_metrics_history FROM PUBLIC;
GRANT SELECT ON scoring.outcome_metrics_history TO scoring_writer;

CREATE OR REPLACE FUNCTION scoring.replace_outcomes(
    of_run bigint, slice_columns text[], slice_values text[], metrics text[], numbers double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Two that measure the same run come one after the other.
    PERFORM FROM scoring.scoring_runs WHERE run_id = of_run AND published_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, so nobody acted on its scores', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    WITH replaced AS (
        DELETE FROM scoring.outcome_metrics WHERE run_id = of_run
        RETURNING run_id, slice_column, slice_value, metric, value, measured_at
    )
    INSERT INTO scoring.outcome_metrics_history
        (run_id, slice_column, slice_value, metric, value, measured_at, replaced_at, replaced_by)
    SELECT replaced.*, now(), session_user FROM replaced;
    INSERT INTO scoring.outcome_metrics (run_id, slice_column, slice_value, metric, value)
    SELECT of_run, found.* FROM unnest(slice_columns, slice_values, metrics, numbers) AS found;
END $$;
COMMENT ON FUNCTION scoring.replace_outcomes IS
    'Enters the outcome metrics of a published run, and moves those that were measured before into the history.';
COMMENT ON TABLE scoring.outcome_metrics IS
    'One number about how the scores of one published run fared against the real results: of all its entities, or of '
    'those that have one value in one of the job''s slices. Measuring again replaces all the numbers of a run; the old '
    'ones are in `outcome_metrics_history`.';
"""

SERVE = """
CREATE OR REPLACE FUNCTION scoring.serve_last_published(
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
        staleness_days)
    VALUES (
        last.job, $2, $3, false, last.interval_start, last.interval_end,
        encode(sha256(convert_to(format('%s served again as %s', last.run_id, night), 'UTF8')), 'hex'),
        last.model_name, last.model_version, last.model_sha256, true, last.code_version, last.query_sha256,
        last.job_sha256, last.input_sha256, last.library_versions, last.parts, last.rows_extracted, last.rows_rejected,
        last.rows_scored, last.extracted_at, last.scored_at, now(), 'last_published', last.run_id,
        $2 - last.score_date)
    RETURNING scoring_runs.run_id INTO served;
    INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_erased, input_sha256,
                                   rows_scored, scored_sha256, written_at)
    SELECT served, part, rows_extracted, rows_rejected, rows_erased, input_sha256, rows_scored, scored_sha256,
           written_at
    FROM scoring.run_parts WHERE run_id = last.run_id;
    PERFORM scoring.write_as(served);
    INSERT INTO scoring.prediction_rows (score_date, job, run_id, part, entity_id, score, label, class_scores)
    SELECT $2, rows.job, served, rows.part, rows.entity_id, rows.score, rows.label, rows.class_scores
    FROM scoring.prediction_rows AS rows WHERE rows.score_date = last.score_date AND rows.run_id = last.run_id;
    SELECT CASE WHEN done.outcome <> 'published' THEN format('%s: %s', night, done.said) END INTO refusal
    FROM scoring.publish(served, NULL, reason) AS done;
END $$;
"""

# Each function asks the table that the owner writes. A job that has no row there loses nothing.
RETENTION = """
CREATE TABLE scoring.retention (
    job                  text    PRIMARY KEY,
    parts_days           integer NOT NULL CHECK (parts_days >= 1),
    rejected_values_days integer NOT NULL CHECK (rejected_values_days >= 1),
    superseded_days      integer NOT NULL CHECK (superseded_days >= 1),
    predictions_days     integer CHECK (predictions_days >= 1),
    entered_at           timestamptz NOT NULL DEFAULT now(),
    entered_by           text        NOT NULL DEFAULT session_user
);
COMMENT ON TABLE scoring.retention IS
    'For how many days each job''s things are kept: its file''s [retention], as `migrate` enters it. Nothing goes of a '
    'job that has no row.';
COMMENT ON COLUMN scoring.retention.predictions_days IS 'Null: published scores are kept for ever.';
REVOKE ALL ON scoring.retention FROM PUBLIC;
GRANT SELECT ON scoring.retention TO scoring_janitor, scoring_writer;

CREATE FUNCTION scoring.begin_cleanup() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE scoring.retention IN SHARE UPDATE EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION scoring.begin_cleanup IS
    'Lets nobody else prune or erase until this transaction ends; neither readers nor nights wait.';

DROP FUNCTION scoring.expire, scoring.expire_parts, scoring.delete_rows, scoring.empty_month, scoring.find_rows,
    scoring.rows_due, scoring.parts_due, scoring.rejected_due;

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

CREATE FUNCTION scoring.require_kind(what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (what IN ('scores', 'rejected rows')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a run has scores and rejected rows, and no %', coalesce(what, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
COMMENT ON FUNCTION scoring.require_kind IS 'Refuses other words for what a run has than the two that there are.';
REVOKE EXECUTE ON FUNCTION scoring.require_kind FROM PUBLIC;

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
"""

ERASE = r"""
CREATE TABLE scoring.rewrites (
    rewrite_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id       bigint      NOT NULL,
    part         integer     NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('input', 'scored')),
    sha256       text        NOT NULL,
    sha256_next  text        NOT NULL,
    rewritten_at timestamptz NOT NULL DEFAULT now(),
    rewritten_by text        NOT NULL DEFAULT session_user,
    FOREIGN KEY (run_id, part) REFERENCES scoring.run_parts
);
CREATE INDEX rewrites_by_part ON scoring.rewrites (run_id, part, kind);
COMMENT ON TABLE scoring.rewrites IS
    'Every change of a part''s digest by an erasure, append-only: the first row of a part has what was scored.';
COMMENT ON COLUMN scoring.rewrites.sha256 IS 'The digest that the ledger had before.';
COMMENT ON COLUMN scoring.rewrites.rewritten_by IS 'The login that rewrote the part.';
REVOKE ALL ON scoring.rewrites FROM PUBLIC;
GRANT SELECT ON scoring.rewrites TO scoring_writer, scoring_janitor;

ALTER TABLE scoring.erasures ADD COLUMN erased_as text;
ALTER TABLE scoring.erasures ALTER COLUMN erased_as SET DEFAULT session_user;
COMMENT ON COLUMN scoring.erasures.erased_by IS 'Who erased, as they said themselves.';
COMMENT ON COLUMN scoring.erasures.erased_as IS 'The login that erased, as the database knows it.';

CREATE OR REPLACE FUNCTION scoring.plan_rewrite(of_run bigint, of_part integer, input_next text, scored_next text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(input_next, scored_next) IS NULL
       OR NOT coalesce(input_next ~ '^[0-9a-f]{64}$', true) OR NOT coalesce(scored_next ~ '^[0-9a-f]{64}$', true) THEN
        RAISE EXCEPTION 'part % of run %: not a SHA-256', of_part, of_run USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE scoring.run_parts AS line
    SET input_sha256_next = coalesce(input_next, input_sha256_next),
        scored_sha256_next = CASE WHEN scored_sha256 IS NOT NULL THEN coalesce(scored_next, scored_sha256_next) END
    FROM scoring.scoring_runs AS run
    WHERE line.run_id = of_run AND line.part = of_part AND run.run_id = of_run AND NOT scoring.in_work(run);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'part % of run % cannot be rewritten: a try is going on with the run', of_part, of_run;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION scoring.settle_rewrite(of_run bigint, of_part integer, has text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO scoring.rewrites (run_id, part, kind, sha256, sha256_next)
    SELECT line.run_id, line.part, file.kind, file.sha256, file.sha256_next
    FROM scoring.run_parts AS line
    CROSS JOIN LATERAL (
        VALUES ('input', line.input_sha256, line.input_sha256_next),
               ('scored', line.scored_sha256, line.scored_sha256_next)
    ) AS file (kind, sha256, sha256_next)
    WHERE line.run_id = of_run AND line.part = of_part AND file.sha256_next = has AND file.sha256 <> has;
    UPDATE scoring.run_parts SET input_sha256 = has, input_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND input_sha256_next = has;
    UPDATE scoring.run_parts SET scored_sha256 = has, scored_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND scored_sha256_next = has;
$$;
COMMENT ON FUNCTION scoring.settle_rewrite IS
    'Makes the digest that a part''s file has the ledger''s, where it was noted before, and keeps the old one.';

CREATE OR REPLACE FUNCTION scoring.erase(
    of_job text, entity text, closed bigint[],
    rewritten_runs bigint[], rewritten_parts integer[], digests text[], who text, why text,
    OUT erasure bigint, OUT runs bigint, OUT prediction_rows bigint, OUT rejected_rows bigint, OUT parts bigint,
    OUT months date[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word CONSTANT text := '(?<![\w-])' || regexp_replace(entity, '(\W)', '\\\1', 'g') || '(?![\w-])';
    touched bigint[];
    refused bigint[];
    told bigint[];
    rewritten bigint[];
BEGIN
    IF coalesce(btrim(entity), '') = '' THEN
        RAISE EXCEPTION 'an erasure is of somebody: the entity is empty' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    closed := ARRAY(SELECT run_id FROM scoring.scoring_runs AS run
                    WHERE run_id = ANY (closed) AND job = of_job AND NOT scoring.in_work(run));
    WITH gone AS (
        DELETE FROM scoring.prediction_rows AS scores
        WHERE scores.job = of_job AND scores.entity_id = entity AND scores.run_id = ANY (closed)
        RETURNING scores.run_id, scores.part, scores.score_date
    ), counted AS (
        UPDATE scoring.run_parts AS line SET rows_erased = line.rows_erased + per.rows
        FROM (SELECT run_id, part, count(*) AS rows FROM gone GROUP BY run_id, part) AS per
        WHERE line.run_id = per.run_id AND line.part = per.part
    )
    SELECT count(*), array_agg(run_id), array_agg(DISTINCT date_trunc('month', score_date)::date)
    INTO prediction_rows, touched, months FROM gone;
    WITH gone AS (
        DELETE FROM scoring.rejected_rows AS rejected
        WHERE rejected.run_id = ANY (closed)
          AND (rejected.entity_id = entity OR rejected.column_name = 'entity_id' AND rejected.value = entity)
        RETURNING rejected.run_id
    )
    SELECT count(*), array_agg(run_id) INTO rejected_rows, refused FROM gone;
    -- Messages of failed runs name entities.
    WITH retold AS (
        UPDATE scoring.scoring_runs SET status_reason = regexp_replace(status_reason, word, '[erased]', 'g')
        WHERE run_id = ANY (closed) AND status IN ('failed', 'abandoned') AND status_reason ~ word
        RETURNING run_id
    )
    SELECT array_agg(run_id) INTO told FROM retold;
    PERFORM scoring.settle_rewrite(run, part, has)
    FROM unnest(rewritten_runs, rewritten_parts, digests) AS file (run, part, has);
    -- What the janitor names beside that is none of this job's.
    SELECT count(DISTINCT (line.run_id, line.part)), array_agg(DISTINCT line.run_id) INTO parts, rewritten
    FROM unnest(rewritten_runs, rewritten_parts) AS named (run, part)
    JOIN scoring.run_parts AS line ON line.run_id = named.run AND line.part = named.part
    JOIN scoring.scoring_runs AS whose ON whose.run_id = line.run_id AND whose.job = of_job;
    SELECT count(DISTINCT run) INTO runs FROM unnest(touched || refused || told || rewritten) AS found (run);
    INSERT INTO scoring.erasures (job, erased_by, reason, runs, prediction_rows, rejected_rows, parts)
    VALUES (of_job, who, why, runs, prediction_rows, rejected_rows, parts) RETURNING erasure_id INTO erasure;
END $$;
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION scoring.begin_cleanup, scoring.expire, scoring.expire_parts, scoring.find_rows,
    scoring.delete_rows, scoring.in_work, scoring.is_open, scoring.rows_due, scoring.parts_due, scoring.rejected_due,
    scoring.table_of, scoring.stamp_status, scoring.keep_expired_run, scoring.keep_published_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.begin_cleanup, scoring.expire, scoring.expire_parts, scoring.find_rows,
    scoring.delete_rows, scoring.in_work, scoring.is_open, scoring.rows_due, scoring.parts_due, scoring.rejected_due
    TO scoring_janitor;
ALTER FUNCTION scoring.in_work SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION scoring.is_open SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION scoring.stamp_status SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION scoring.keep_expired_run SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION scoring.keep_published_run SET search_path = pg_catalog, pg_temp;
"""


def upgrade() -> None:
    """Close what stood open; of jobs nothing is pruned until `migrate` has entered their [retention]."""
    for statements in (
        NIGHTS,
        VACUUM,
        DATES,
        WRITING,
        FIGURES,
        OUTCOMES,
        SERVE,
        RETENTION,
        ERASE,
        TIMES,
        CLASSES,
        GRANTS,
    ):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: without the guards nothing would keep a closed run's figures as they are."""
    raise NotImplementedError("the guards are not undone; restore a backup if you mean it")
