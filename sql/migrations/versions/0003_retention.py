"""Retention and erasure: what has had its time goes, and a subject's rows, through functions of the janitor alone."""

from alembic import op

revision = "0003"
down_revision = "0002"

LEDGER = """
ALTER TABLE scoring.scoring_runs
    ADD COLUMN status_since       timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN expired_at         timestamptz,
    ADD COLUMN rows_pruned_at     timestamptz,
    ADD COLUMN parts_pruned_at    timestamptz,
    ADD COLUMN rejected_pruned_at timestamptz;
COMMENT ON COLUMN scoring.scoring_runs.status_since IS 'When the run took its status: retention counts from here.';
COMMENT ON COLUMN scoring.scoring_runs.expired_at IS
    'From when on the run''s rows may go: it is never published or rolled back to again.';
COMMENT ON COLUMN scoring.scoring_runs.rows_pruned_at IS 'When the last of its rows had gone.';
COMMENT ON COLUMN scoring.scoring_runs.parts_pruned_at IS 'From when on its files may go from the store.';
COMMENT ON COLUMN scoring.scoring_runs.rejected_pruned_at IS 'When the last of its rejected rows had gone.';

CREATE FUNCTION scoring.stamp_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status_since := now();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.stamp_status IS 'Notes when a run took its status.';
CREATE TRIGGER stamp_status BEFORE UPDATE OF status ON scoring.scoring_runs
    FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION scoring.stamp_status();

CREATE FUNCTION scoring.keep_expired_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status NOT IN ('superseded', 'abandoned') OR NEW.expired_at IS DISTINCT FROM OLD.expired_at THEN
        RAISE EXCEPTION 'run % expired on %: its rows are gone. Score % % again', OLD.run_id,
            OLD.expired_at::date, OLD.job, OLD.score_date;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.keep_expired_run IS 'Refuses to bring a run back whose rows have gone or are going.';
CREATE TRIGGER keep_expired_run BEFORE UPDATE ON scoring.scoring_runs
    FOR EACH ROW WHEN (OLD.expired_at IS NOT NULL) EXECUTE FUNCTION scoring.keep_expired_run();

CREATE OR REPLACE FUNCTION scoring.keep_published_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['status', 'status_reason', 'status_since', 'expired_at', 'rows_pruned_at',
                                        'parts_pruned_at', 'rejected_pruned_at'];
BEGIN
    IF OLD.status IN ('published', 'superseded') AND (
        NEW.status NOT IN ('published', 'superseded') OR to_jsonb(NEW) - may_change <> to_jsonb(OLD) - may_change
    ) THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id;
    END IF;
    RETURN NEW;
END $$;

ALTER TABLE scoring.run_parts
    ADD COLUMN rows_erased        bigint NOT NULL DEFAULT 0 CHECK (rows_erased >= 0),
    ADD COLUMN input_sha256_next  text,
    ADD COLUMN scored_sha256_next text;
COMMENT ON COLUMN scoring.run_parts.rows_erased IS
    'Scored rows that were erased since; the other counts say what the part was when it was scored.';
COMMENT ON COLUMN scoring.run_parts.input_sha256_next IS
    'While an erasure rewrites the part: the digest that its file is about to have, or has already.';
COMMENT ON COLUMN scoring.run_parts.scored_sha256_next IS 'The same for the scored part.';

CREATE TABLE scoring.erasures (
    erasure_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_at       timestamptz NOT NULL DEFAULT now(),
    job             text        NOT NULL,
    erased_by       text        NOT NULL,
    reason          text        NOT NULL,
    runs            bigint      NOT NULL,
    prediction_rows bigint      NOT NULL,
    rejected_rows   bigint      NOT NULL,
    parts           bigint      NOT NULL
);
COMMENT ON TABLE scoring.erasures IS
    'A receipt for every erasure: when, by whom, why and how much. Never whose: nothing of the subject is in it.';
"""

# What retention may take, said once: the listing asks these, and so does every function that takes something. Days
# that are null are for ever.
RULES = """
CREATE FUNCTION scoring.in_work(run scoring.scoring_runs) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT run.status IN ('running', 'failed') AND run.status_since > now() - interval '1 day'
$$;
COMMENT ON FUNCTION scoring.in_work IS 'Whether a try may still be going on with the run.';

CREATE FUNCTION scoring.is_open(run scoring.scoring_runs) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT run.status = 'held' OR scoring.in_work(run)
$$;
COMMENT ON FUNCTION scoring.is_open IS 'Whether a try may still go on with the run, or a person decide on it.';

CREATE FUNCTION scoring.rows_due(run scoring.scoring_runs, superseded_days integer, predictions_days integer)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT run.rows_pruned_at IS NULL AND (run.expired_at IS NOT NULL
        OR NOT scoring.is_open(run) AND run.status_since < now() - interval '1 day'
           AND run.status_since < now() - make_interval(days =>
               CASE run.status WHEN 'published' THEN predictions_days ELSE superseded_days END))
$$;
COMMENT ON FUNCTION scoring.rows_due IS 'Whether a run''s scores have had their time.';

CREATE FUNCTION scoring.parts_due(run scoring.scoring_runs, parts_days integer)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT run.parts_pruned_at IS NULL AND NOT scoring.is_open(run) AND run.status_since < now() - interval '1 day'
       AND (run.status = 'abandoned' OR run.started_at < now() - make_interval(days => parts_days))
$$;
COMMENT ON FUNCTION scoring.parts_due IS 'Whether a run''s files have had their time; an abandoned run''s need none.';

CREATE FUNCTION scoring.rejected_due(run scoring.scoring_runs, rejected_values_days integer)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT run.rejected_pruned_at IS NULL AND NOT scoring.is_open(run) AND run.status_since < now() - interval '1 day'
       AND run.started_at < now() - make_interval(days => rejected_values_days)
$$;
COMMENT ON FUNCTION scoring.rejected_due IS 'Whether a run''s rejected rows, with their values, have had their time.';
"""

PRUNE = """
CREATE FUNCTION scoring.expire(run bigint, superseded_days integer, predictions_days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    -- The lock of publishing and of rolling back: whoever comes second sees what the first one did.
    PERFORM scoring.lock_night(entry.job, entry.score_date);
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF entry.expired_at IS NOT NULL THEN RETURN true; END IF;
    IF scoring.rows_due(entry, superseded_days, predictions_days) IS NOT TRUE THEN RETURN false; END IF;
    -- In one transaction: no reader sees a pointer to rows that are going.
    DELETE FROM scoring.current_runs WHERE job = entry.job AND score_date = entry.score_date AND run_id = run;
    UPDATE scoring.scoring_runs SET
        expired_at = now(),
        status = CASE WHEN entry.status IN ('published', 'superseded') THEN 'superseded' ELSE 'abandoned' END,
        status_reason = CASE entry.status
            WHEN 'published' THEN 'expired: predictions are kept ' || predictions_days || ' days'
            WHEN 'running' THEN 'expired: no try went on with it'
            ELSE entry.status_reason END
    WHERE run_id = run;
    RETURN true;
END $$;
COMMENT ON FUNCTION scoring.expire IS 'Marks a run whose scores have had their time; its rows may go from then on.';

CREATE FUNCTION scoring.expire_parts(run bigint, parts_days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF entry.parts_pruned_at IS NOT NULL THEN RETURN true; END IF;
    IF scoring.parts_due(entry, parts_days) IS NOT TRUE THEN RETURN false; END IF;
    UPDATE scoring.scoring_runs SET parts_pruned_at = now() WHERE run_id = run;
    RETURN true;
END $$;
COMMENT ON FUNCTION scoring.expire_parts IS 'Marks a run whose files have had their time; they may go from then on.';

CREATE FUNCTION scoring.table_of(what text, score_date date) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE what WHEN 'scores' THEN to_regclass('scoring.prediction_rows_' || to_char(score_date, 'YYYYMM'))
                     WHEN 'rejected rows' THEN to_regclass('scoring.rejected_rows') END
$$;
COMMENT ON FUNCTION scoring.table_of IS 'The table that holds scores or rejected rows of a score date.';

CREATE FUNCTION scoring.find_rows(run bigint, what text, OUT first_block bigint, OUT last_block bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    entry scoring.scoring_runs;
    place regclass;
BEGIN
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
        WHERE run_id = run AND rejected_pruned_at IS NULL AND NOT scoring.is_open(scoring_runs);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.find_rows IS
    'Between which blocks of its table a run has rows; where it has none left, notes that they have gone.';

-- A range of blocks at a time: a condition on run_id alone would read all that went before again, for every batch.
CREATE FUNCTION scoring.delete_rows(run bigint, what text, first_block bigint, last_block bigint, kept_days integer)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_bitmapscan = off AS $$
DECLARE
    entry scoring.scoring_runs;
    gone bigint;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    IF what = 'scores' AND entry.expired_at IS NULL
       OR what = 'rejected rows' AND scoring.rejected_due(entry, kept_days) IS NOT TRUE THEN
        RAISE EXCEPTION 'the % of run % are not due', what, run;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE run_id = $1 AND ctid >= $2 AND ctid < $3',
                   scoring.table_of(what, entry.score_date))
    USING run, format('(%s,0)', first_block)::tid, format('(%s,0)', last_block)::tid;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.delete_rows IS 'Deletes what is due of a run between two blocks of its table.';

CREATE FUNCTION scoring.empty_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    child regclass := scoring.table_of('scores', month);
BEGIN
    IF child IS NULL THEN RETURN false; END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', child);
    -- Under the lock: a run that began meanwhile is seen here, and one that begins later finds the month empty.
    PERFORM FROM scoring.scoring_runs
    WHERE score_date >= first AND score_date < first + interval '1 month' AND expired_at IS NULL;
    IF FOUND THEN RETURN false; END IF;
    EXECUTE format('TRUNCATE %s', child);
    RETURN true;
END $$;
COMMENT ON FUNCTION scoring.empty_month IS
    'Empties a month''s partition at once when all of its runs have expired; gives up where that would take waiting.';
"""

# Here, and not beside publishing: it has to know which runs have expired, and which rows were erased.
ROLL_BACK = """
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
REVOKE EXECUTE ON FUNCTION scoring.roll_back FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.roll_back TO scoring_writer;
"""

ERASE = r"""
CREATE FUNCTION scoring.plan_rewrite(of_run bigint, of_part integer, input_next text, scored_next text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scoring.run_parts AS line
    SET input_sha256_next = coalesce(input_next, input_sha256_next),
        scored_sha256_next = coalesce(scored_next, scored_sha256_next)
    FROM scoring.scoring_runs AS run
    WHERE line.run_id = of_run AND line.part = of_part AND run.run_id = of_run AND NOT scoring.in_work(run);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'part % of run % cannot be rewritten: a try is going on with the run', of_part, of_run;
    END IF;
END $$;
COMMENT ON FUNCTION scoring.plan_rewrite IS 'Notes the digest that a part''s file is about to have, before it has it.';

CREATE FUNCTION scoring.settle_rewrite(of_run bigint, of_part integer, has text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scoring.run_parts SET input_sha256 = has, input_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND input_sha256_next = has;
    UPDATE scoring.run_parts SET scored_sha256 = has, scored_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND scored_sha256_next = has;
$$;
COMMENT ON FUNCTION scoring.settle_rewrite IS
    'Makes the digest that a part''s file has the ledger''s, where it was noted before.';

CREATE FUNCTION scoring.erase(
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
BEGIN
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
    FROM unnest(rewritten_runs, rewritten_parts, digests) AS rewritten (run, part, has);
    SELECT count(DISTINCT (run, part)) INTO parts
    FROM unnest(rewritten_runs, rewritten_parts) AS rewritten (run, part);
    SELECT count(DISTINCT run) INTO runs FROM unnest(touched || refused || told || rewritten_runs) AS found (run);
    INSERT INTO scoring.erasures (job, erased_by, reason, runs, prediction_rows, rejected_rows, parts)
    VALUES (of_job, who, why, runs, prediction_rows, rejected_rows, parts) RETURNING erasure_id INTO erasure;
END $$;
COMMENT ON FUNCTION scoring.erase IS
    'Erases an entity from the rows of closed runs, settles the parts that were rewritten, and writes the receipt.';
"""

GRANTS = """
REVOKE ALL ON ALL TABLES IN SCHEMA scoring FROM scoring_janitor;
GRANT SELECT ON scoring.scoring_runs, scoring.run_parts, scoring.erasures TO scoring_janitor;
GRANT SELECT (run_id) ON scoring.rejected_rows TO scoring_janitor;
GRANT SELECT ON scoring.erasures TO scoring_writer;
REVOKE EXECUTE ON FUNCTION scoring.expire, scoring.expire_parts, scoring.find_rows, scoring.delete_rows,
    scoring.empty_month, scoring.plan_rewrite, scoring.settle_rewrite, scoring.erase FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.expire, scoring.expire_parts, scoring.find_rows, scoring.delete_rows,
    scoring.empty_month, scoring.plan_rewrite, scoring.settle_rewrite, scoring.erase TO scoring_janitor;
"""

# A function cannot VACUUM, so the janitor itself must have the right to. Before Postgres 17 only owners have, and what
# was deleted waits for autovacuum.
VACUUM = """
CREATE FUNCTION scoring.let_vacuum(place regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE format('GRANT MAINTAIN ON %s TO scoring_janitor', place);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.let_vacuum IS 'Lets the janitor VACUUM a table, where Postgres knows such a right.';
SELECT scoring.let_vacuum('scoring.rejected_rows');
SELECT scoring.let_vacuum(inhrelid) FROM pg_inherits WHERE inhparent = 'scoring.prediction_rows'::regclass;

CREATE OR REPLACE FUNCTION scoring.ensure_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    child text := 'prediction_rows_' || to_char(first, 'YYYYMM');
BEGIN
    IF to_regclass('scoring.' || child) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('scoring.' || child, 0));
    -- Not to_regclass again: it may remember, from the look above, that there is no such table.
    PERFORM FROM pg_class WHERE relname = child AND relnamespace = 'scoring'::regnamespace;
    IF FOUND THEN RETURN; END IF;
    -- ATTACH takes a lock that readers of the parent do not wait for; CREATE ... PARTITION OF takes one that they do.
    EXECUTE format('CREATE TABLE scoring.%I (LIKE scoring.prediction_rows INCLUDING ALL)', child);
    PERFORM scoring.let_vacuum(to_regclass('scoring.' || child));
    EXECUTE format('ALTER TABLE scoring.prediction_rows ATTACH PARTITION scoring.%I FOR VALUES FROM (%L) TO (%L)',
                   child, first, first + interval '1 month');
END $$;
"""


def upgrade() -> None:
    """Add what retention and erasure need; every run counts its time from now on."""
    for statements in (LEDGER, RULES, PRUNE, ROLL_BACK, ERASE, GRANTS, VACUUM):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: receipts would be lost."""
    raise NotImplementedError("receipts of erasures are not thrown away; drop them by hand if you mean it")
