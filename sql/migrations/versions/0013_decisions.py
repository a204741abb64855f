"""Decisions have an author: a role that decides, the login beside every stated name, and a chain of hashes over all."""

from alembic import op

revision = "0013"
down_revision = "0012"

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scoring_approver') THEN
        CREATE ROLE scoring_approver NOLOGIN;
    END IF;
END $$;
GRANT USAGE ON SCHEMA scoring TO scoring_approver;
"""

# The login cannot be chosen by whoever states a name. What began or was decided before has none.
COLUMNS = """
ALTER TABLE scoring.scoring_runs
    ADD COLUMN triggered_by    text,
    ADD COLUMN triggered_as text,
    ADD COLUMN decided_as   text;
ALTER TABLE scoring.scoring_runs ALTER COLUMN triggered_as SET DEFAULT session_user;
COMMENT ON COLUMN scoring.scoring_runs.triggered_by IS
    'The person who triggered the run, as Airflow or the command line states it; null where a schedule did.';
COMMENT ON COLUMN scoring.scoring_runs.triggered_as IS 'The login that began the run.';
COMMENT ON COLUMN scoring.scoring_runs.decided_by IS 'Who approved or rejected the held run, as stated.';
COMMENT ON COLUMN scoring.scoring_runs.decided_as IS 'The login that approved or rejected it.';

ALTER TABLE scoring.publications ADD COLUMN login text;
COMMENT ON COLUMN scoring.publications.by IS 'Who decided, as stated; null where the run passed its gate.';
COMMENT ON COLUMN scoring.publications.login IS 'The login that moved the pointer.';
SELECT scoring.keep_no_values('scoring.scoring_runs'), scoring.keep_no_values('scoring.publications');
-- What is no list of objects would break the view `findings` for whoever reads it.
ALTER TABLE scoring.scoring_runs ADD CHECK (CASE WHEN jsonb_typeof(findings) = 'array' THEN
    jsonb_array_length(findings) = jsonb_array_length(jsonb_path_query_array(
        findings, 'strict $[*] ? (@.check.type() == "string" && @.action.type() == "string"
                                  && @.message.type() == "string")')) ELSE false END);
"""

# What a run is of and how it went, as verify.py lists the same columns: retention, erasure and a later publication
# change none of them.
DIGESTS = """
CREATE FUNCTION scoring.netstrings(VARIADIC fields text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ',' ORDER BY place)
    FROM unnest(fields) WITH ORDINALITY AS listed (field, place)
$$;
COMMENT ON FUNCTION scoring.netstrings IS
    'Texts as one that no other texts give: each with its length in bytes before it, a dash for null.';

CREATE FUNCTION scoring.sha256_of(content text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION scoring.sha256_of IS 'SHA-256 of a text, in hexadecimal digits.';

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
"""

# As a list of what cannot be seen: which letters there are, a database's locale says, and some know ASCII's alone.
VISIBLE = r"""
CREATE FUNCTION scoring.is_visible(content text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(content, '') ~ ('[^[:space:][:cntrl:]\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5'
        '\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff'
        '\U000e0000-\U000e0fff]')
$$;
COMMENT ON FUNCTION scoring.is_visible IS 'Whether a text has any character that a reader sees.';
"""

# The head is a row of its own, so that one entry follows another under a lock that needs the right to update it.
CHAIN = """
CREATE TABLE scoring.decisions (
    entry           bigint      PRIMARY KEY,
    recorded_at     timestamptz NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('publish', 'approval', 'rollback', 'rejection', 'erasure')),
    job             text        NOT NULL,
    score_date      date,
    run_id          bigint      REFERENCES scoring.scoring_runs,
    replaced_run_id bigint      REFERENCES scoring.scoring_runs,
    erasure_id      bigint      REFERENCES scoring.erasures,
    by              text,
    login           text,
    reason          text,
    subject_sha256  text        NOT NULL,
    previous_sha256 text        NOT NULL,
    sha256          text        NOT NULL UNIQUE,
    CHECK (kind = 'publish' OR scoring.is_visible(by) AND scoring.is_visible(reason)),
    CHECK ((kind = 'erasure') = (erasure_id IS NOT NULL) AND (kind = 'erasure') = (run_id IS NULL))
);
COMMENT ON TABLE scoring.decisions IS
    'Every publication, approval, rollback, rejection and erasure, append-only: each entry carries a hash over itself '
    'and its predecessor. `python -m pipeline verify` walks the chain and names the first entry that was altered.';
COMMENT ON COLUMN scoring.decisions.entry IS 'From 1, without a gap.';
COMMENT ON COLUMN scoring.decisions.by IS 'Who decided, as stated; null where a run passed its gate.';
COMMENT ON COLUMN scoring.decisions.login IS 'The login that did it; null for what was done before logins were kept.';
COMMENT ON COLUMN scoring.decisions.subject_sha256 IS 'Digest of the run with its ledger, or of the receipt.';
COMMENT ON COLUMN scoring.decisions.previous_sha256 IS 'The hash of the entry before; 64 zeros for the first.';
COMMENT ON COLUMN scoring.decisions.sha256 IS 'The hash over all other columns.';

CREATE TABLE scoring.decisions_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    entry    bigint  NOT NULL,
    sha256   text    NOT NULL
);
COMMENT ON TABLE scoring.decisions_head IS 'The last entry of `decisions`: its lock makes one entry follow another.';
INSERT INTO scoring.decisions_head (entry, sha256) VALUES (0, repeat('0', 64));

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
        NEW.previous_sha256));
    UPDATE scoring.decisions_head SET entry = NEW.entry, sha256 = NEW.sha256;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.seal_decision IS 'Numbers an entry, and seals it with the hash of the one before.';
CREATE TRIGGER seal_decision BEFORE INSERT ON scoring.decisions
    FOR EACH ROW EXECUTE FUNCTION scoring.seal_decision();

CREATE FUNCTION scoring.keep_decisions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'decisions are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION scoring.keep_decisions IS 'Refuses to change or remove an entry, to the owner too.';
CREATE TRIGGER keep_decisions BEFORE UPDATE OR DELETE OR TRUNCATE ON scoring.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION scoring.keep_decisions();

CREATE FUNCTION scoring.record_erasure() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO scoring.decisions (recorded_at, kind, job, erasure_id, by, login, reason)
    VALUES (NEW.erased_at, 'erasure', NEW.job, NEW.erasure_id, NEW.erased_by, session_user, NEW.reason);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.record_erasure IS 'Enters the receipt of an erasure into `decisions`.';
CREATE TRIGGER record_erasure AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.record_erasure();
"""

# In the order in which it happened. Whoever altered one of them before today is not found.
ADOPTED = """
INSERT INTO scoring.decisions
    (recorded_at, kind, job, score_date, run_id, replaced_run_id, erasure_id, by, reason)
SELECT past.* FROM (
    SELECT published_at, kind, job, score_date, run_id, replaced_run_id, NULL::bigint, by, reason
    FROM scoring.publications
    UNION ALL
    SELECT status_since, 'rejection', job, score_date, run_id, NULL, NULL, decided_by,
           coalesce(nullif(btrim(decision_reason), ''), 'none given')
    FROM scoring.scoring_runs WHERE status = 'abandoned' AND scoring.is_visible(decided_by)
    UNION ALL
    SELECT erased_at, 'erasure', job, NULL, NULL, NULL, erasure_id, erased_by, reason FROM scoring.erasures
) AS past ORDER BY published_at, run_id;
"""

RUNS = """
CREATE OR REPLACE FUNCTION scoring.guard_runs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ending CONSTANT text[] := ARRAY['status', 'status_reason'];
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'running' OR NEW.published_at IS NOT NULL THEN
            RAISE EXCEPTION 'a run begins as running, not as %', NEW.status USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF OLD.status IN ('published', 'superseded') THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id USING ERRCODE = 'insufficient_privilege';
    ELSIF OLD.status = 'abandoned' THEN
        RAISE EXCEPTION 'run % is abandoned and cannot change', OLD.run_id USING ERRCODE = 'insufficient_privilege';
    ELSIF OLD.status = 'held' THEN
        -- Who decides sees the run as it was held. A later try of its trigger may take over, and says so.
        IF NEW.status <> 'abandoned' OR to_jsonb(NEW) - ending <> to_jsonb(OLD) - ending
           OR (NEW.status_reason = (
               SELECT 'taken over by run ' || max(later.run_id) FROM scoring.scoring_runs AS later
               WHERE later.job = OLD.job AND later.score_date = OLD.score_date AND later.trigger = OLD.trigger
                 AND later.run_id > OLD.run_id)) IS NOT TRUE THEN
            RAISE EXCEPTION 'run % is held and cannot change: only scoring.approve and scoring.reject decide on it',
                OLD.run_id USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF NEW.status IN ('published', 'superseded') OR NEW.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'run %: only scoring.publish and scoring.roll_back make a run %', OLD.run_id, NEW.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_runs IS
    'Refuses, to all but the owner''s functions, to publish a run, and to change one that is held or has ended.';
"""

PUBLISH = """
CREATE OR REPLACE FUNCTION scoring.point(run_id bigint, because text, kind text, who text, reason text) RETURNS bigint
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

CREATE OR REPLACE FUNCTION scoring.publish(
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
"""

# A run's id, status, times and author are not given by whoever begins it: a later id would publish before all others.
GRANTS = """
REVOKE EXECUTE ON FUNCTION scoring.is_visible, scoring.netstrings, scoring.sha256_of, scoring.first_digest,
    scoring.digest_of_run, scoring.digest_of_erasure, scoring.seal_decision, scoring.keep_decisions,
    scoring.record_erasure, scoring.admit, scoring.approve, scoring.reject FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION scoring.roll_back FROM scoring_writer;
GRANT EXECUTE ON FUNCTION scoring.approve, scoring.reject, scoring.roll_back TO scoring_approver;
GRANT SELECT ON scoring.decisions, scoring.decisions_head TO scoring_writer, scoring_approver;
GRANT SELECT ON scoring.erasures, scoring.scoring_runs, scoring.run_parts, scoring.current_runs, scoring.publications,
    scoring.prediction_rows, scoring.run_metrics, scoring.feature_metrics, scoring.outcome_metrics, scoring.findings
    TO scoring_approver;
GRANT SELECT (run_id, column_name, rule) ON scoring.rejected_rows TO scoring_approver;
REVOKE INSERT ON scoring.scoring_runs FROM scoring_writer;
GRANT INSERT (job, score_date, trigger, triggered_by, attempt, dry_run, interval_start, interval_end, served_by,
              idempotency_key, model_name, model_version, model_sha256, model_named, code_version, query_sha256,
              job_sha256, input_sha256, library_versions, parts, rows_extracted, rows_rejected, rows_scored)
    ON scoring.scoring_runs TO scoring_writer;
REVOKE UPDATE (decided_by, decision_reason) ON scoring.scoring_runs FROM scoring_writer;
"""


def upgrade() -> None:
    """Add the role, the columns and the chain, and enter into it what was decided before."""
    for statements in (ROLE, COLUMNS, DIGESTS, VISIBLE, CHAIN, ADOPTED, RUNS, PUBLISH, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: nobody could tell any more whether a decision was altered."""
    raise NotImplementedError("the chain of decisions is not thrown away; restore a backup if you mean it")
