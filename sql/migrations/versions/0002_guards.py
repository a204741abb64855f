"""Rules that the database itself holds: how the pointer moves, and that nothing of a published run changes."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = """
ALTER TABLE scoring.scoring_runs
    ADD COLUMN model_named boolean NOT NULL DEFAULT false,
    ADD COLUMN attempt     integer NOT NULL DEFAULT 1,
    ADD COLUMN served_by   text    NOT NULL DEFAULT 'model'
        CHECK (served_by IN ('model', 'last_published', 'champion_previous'));
COMMENT ON COLUMN scoring.scoring_runs.attempt IS
    'Which try of its trigger this is, as the trigger counts them: a late one does not take over from a later one.';
COMMENT ON COLUMN scoring.scoring_runs.served_by IS
    'model: the night''s own scores; else the fallback of its job file that stands in for a night that failed.';
COMMENT ON COLUMN scoring.scoring_runs.model_named IS
    'Whether a person named the model version; else it came from the job''s alias.';

CREATE TABLE scoring.publications (
    job             text        NOT NULL,
    score_date      date        NOT NULL,
    run_id          bigint      NOT NULL REFERENCES scoring.scoring_runs,
    replaced_run_id bigint      REFERENCES scoring.scoring_runs,
    published_at    timestamptz NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('publish', 'approval', 'rollback')),
    by              text,
    reason          text,
    CHECK (kind = 'publish' OR (by IS NOT NULL AND reason IS NOT NULL))
);
CREATE INDEX publications_by_night ON scoring.publications (job, score_date, published_at);
COMMENT ON TABLE scoring.publications IS
    'Every move of the pointer, append-only: which run `predictions` showed from when on, and who decided it.';
INSERT INTO scoring.publications
SELECT job, score_date, run_id, lag(run_id) OVER (PARTITION BY job, score_date ORDER BY run_id), published_at,
       CASE WHEN decided_by <> '' THEN 'approval' ELSE 'publish' END, nullif(decided_by, ''),
       CASE WHEN decided_by <> '' THEN coalesce(nullif(decision_reason, ''), 'none given') END
FROM scoring.scoring_runs WHERE published_at IS NOT NULL ORDER BY published_at;
"""

# Trigger functions run as whoever changes the row. Inside a SECURITY DEFINER function that is the tables' owner: so the
# owner's functions (publish, roll back, clean up, erase) may do what the roles that call them may not.
OWNER = """
CREATE FUNCTION scoring.acts_as_owner(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = relation
$$;
COMMENT ON FUNCTION scoring.acts_as_owner IS
    'Whether the current role is the relation''s owner, as it is inside the owner''s SECURITY DEFINER functions.';
"""

RUNS = """
CREATE FUNCTION scoring.guard_runs() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'running' OR NEW.published_at IS NOT NULL THEN
            RAISE EXCEPTION 'a run begins as running, not as %', NEW.status USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF OLD.status IN ('published', 'superseded') THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.status IN ('published', 'superseded') OR NEW.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'run %: only scoring.publish and scoring.roll_back make a run %', OLD.run_id, NEW.status
            USING ERRCODE = 'insufficient_privilege';
    ELSIF NEW.status <> OLD.status AND OLD.status NOT IN ('running', 'failed')
          AND NOT (OLD.status = 'held' AND NEW.status = 'abandoned') THEN
        RAISE EXCEPTION 'run % is % and cannot become %', OLD.run_id, OLD.status, NEW.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_runs IS
    'Refuses, to all but the owner''s functions, to publish a run, to change a published one, to reopen an ended one.';
CREATE TRIGGER guard_runs BEFORE INSERT OR UPDATE ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_runs();

CREATE FUNCTION scoring.guard_parts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    -- FOR SHARE: the run stays open until this transaction ends.
    PERFORM FROM scoring.scoring_runs AS run
    WHERE run.run_id = NEW.run_id AND run.status IN ('running', 'failed') FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is closed, its ledger cannot change', NEW.run_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_parts IS
    'Refuses, to all but the owner''s functions, a change to a closed run''s ledger.';
CREATE TRIGGER guard_parts BEFORE INSERT OR UPDATE ON scoring.run_parts
    FOR EACH ROW EXECUTE FUNCTION scoring.guard_parts();
"""

# COPY loads rows one by one where a table has a BEFORE ROW trigger, or its partitions a transition table. A trigger
# AFTER each row keeps nothing of a row for which its WHEN is false, and costs next to nothing.
#
# The WHEN must know which run the session writes. A setting could be changed between two rows by whoever inserts them;
# currval() of a sequence is a number that the session remembers too, and only the sequence's owner can change it.
ROWS = """
CREATE SEQUENCE scoring.writing;
COMMENT ON SEQUENCE scoring.writing IS 'Its currval() is the run whose rows this session writes: see write_as.';

CREATE FUNCTION scoring.write_as(INOUT run_id bigint, OUT status text, OUT status_reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- FOR SHARE: nobody can close or publish the run before this transaction ends.
    SELECT run.status, run.status_reason INTO write_as.status, write_as.status_reason
    FROM scoring.scoring_runs AS run WHERE run.run_id = write_as.run_id FOR SHARE;
    IF status IN ('running', 'failed') THEN
        PERFORM setval('scoring.writing', run_id);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.write_as IS
    'Lets this session insert rows of one open run, and holds it open until the transaction ends; tells its status.';

CREATE FUNCTION scoring.guard_writing() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run bigint;
BEGIN
    BEGIN
        run := currval('scoring.writing');
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
        IF scoring.acts_as_owner(TG_RELID) THEN
            PERFORM setval('scoring.writing', 1);  -- so that there is a currval(); guard_rows lets the owner pass
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'no run is open for %: SELECT scoring.write_as(run_id) first', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END;
    IF coalesce((scoring.write_as(run)).status, '') NOT IN ('running', 'failed')
       AND NOT scoring.acts_as_owner(TG_RELID) THEN
        RAISE EXCEPTION 'run % is closed, it takes no more %', run, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.guard_writing IS 'Refuses rows unless the session writes an open run, and holds it open.';

CREATE FUNCTION scoring.guard_rows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NULL; END IF;
    RAISE EXCEPTION 'a row of run %, and this session writes run %', NEW.run_id, currval('scoring.writing')
        USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION scoring.guard_rows IS 'Refuses a row of another run than the one that the session writes.';

CREATE TRIGGER guard_writing BEFORE INSERT ON scoring.prediction_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.guard_writing();
CREATE TRIGGER guard_rows AFTER INSERT ON scoring.prediction_rows
    FOR EACH ROW WHEN (NEW.run_id <> currval('scoring.writing')) EXECUTE FUNCTION scoring.guard_rows();
CREATE TRIGGER guard_writing BEFORE INSERT ON scoring.rejected_rows
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.guard_writing();
CREATE TRIGGER guard_rows AFTER INSERT ON scoring.rejected_rows
    FOR EACH ROW WHEN (NEW.run_id <> currval('scoring.writing')) EXECUTE FUNCTION scoring.guard_rows();
"""

POINTER = """
CREATE FUNCTION scoring.lock_night(job text, score_date date) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(job || ' ' || to_char(score_date, 'YYYY-MM-DD'), 0))
$$;
COMMENT ON FUNCTION scoring.lock_night IS
    'Makes moves of one night''s pointer, and clean-up of its runs, wait for one another; no reader waits.';

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
    INSERT INTO scoring.publications (job, score_date, run_id, replaced_run_id, published_at, kind, by, reason)
    VALUES (run.job, run.score_date, run.run_id, replaced, moment, point.kind, point.who, point.reason);
    RETURN replaced;
END $$;
COMMENT ON FUNCTION scoring.point IS
    'Moves a night''s pointer and enters the move into `publications`; returns the run that was shown before.';
"""

PUBLISH = """
CREATE FUNCTION scoring.publish(
    run_id bigint, who text DEFAULT NULL, reason text DEFAULT NULL,
    OUT outcome text, OUT replaced bigint, OUT said text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run scoring.scoring_runs;
BEGIN
    SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = publish.run_id;
    PERFORM scoring.lock_night(run.job, run.score_date);
    SELECT * INTO run FROM scoring.scoring_runs AS named WHERE named.run_id = publish.run_id FOR UPDATE;
    IF who IS NOT NULL AND run.status IS DISTINCT FROM 'held' THEN
        outcome := 'not held'; said := format('run %s is not held', publish.run_id); RETURN;
    -- `failed` is a note of a try that broke off: no reason against a run whose audit has passed since.
    ELSIF who IS NULL AND coalesce(run.status, '') NOT IN ('running', 'failed') THEN
        outcome := 'ended';
        said := format('run %s is %s (%s): nothing to do', publish.run_id, coalesce(run.status, 'unknown'),
                       coalesce(run.status_reason, 'finished'));
        RETURN;
    END IF;
    said := scoring.overtaken(run);
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
    UPDATE scoring.scoring_runs AS decided
    SET decided_by = coalesce(who, decided.decided_by), decision_reason = coalesce(reason, decided.decision_reason)
    WHERE decided.run_id = run.run_id;
    outcome := 'published';
    replaced := scoring.point(run.run_id, 'replaced by run ' || run.run_id,
                              CASE WHEN who IS NULL THEN 'publish' ELSE 'approval' END, who, reason);
END $$;
COMMENT ON FUNCTION scoring.publish IS
    'Publishes an open run, or in a person''s name a held one, or says why not. The pointer only moves to a run that '
    'is younger than every run ever published for that job and score date: an older one that ends late is '
    'abandoned, also when the younger one has been rolled back since. A model version lower than the published one is '
    'refused, unless a person named it.';
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION scoring.publish, scoring.write_as, scoring.point, scoring.lock_night,
    scoring.overtaken, scoring.older_model, scoring.unbalanced FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.publish, scoring.write_as, scoring.older_model TO scoring_writer;
GRANT SELECT ON SEQUENCE scoring.writing TO scoring_writer;
REVOKE INSERT, UPDATE ON scoring.current_runs FROM scoring_writer;
-- What a run is of never changes after it began; how it goes does.
REVOKE UPDATE ON scoring.scoring_runs FROM scoring_writer;
GRANT UPDATE (status, status_reason, idempotency_key, input_sha256, parts, rows_extracted, rows_rejected, rows_scored,
              extracted_at, scored_at, decided_by, decision_reason) ON scoring.scoring_runs TO scoring_writer;
GRANT SELECT ON scoring.publications TO scoring_writer, scoring_janitor, scoring_analyst;
"""


def upgrade() -> None:
    """Add the guards to what the first revision made."""
    for statements in (COLUMNS, OWNER, RUNS, ROWS, POINTER, PUBLISH, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: without the guards nothing would keep a published score as it is."""
    raise NotImplementedError("the guards are not undone; restore a backup if you mean it")
