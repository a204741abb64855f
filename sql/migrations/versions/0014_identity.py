"""The database has an identity, which its store knows; and a lost one takes back what its store has archived."""

from alembic import op

revision = "0014"
down_revision = "0013"

# A restored backup has the identity of what was backed up, and a database that was made anew has one of its own.
IDENTITY = """
CREATE TABLE scoring.identity (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    database_id uuid        NOT NULL DEFAULT gen_random_uuid(),
    made_at     timestamptz NOT NULL DEFAULT now(),
    secret      bytea       NOT NULL DEFAULT sha256(convert_to(
        gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);
COMMENT ON TABLE scoring.identity IS
    'Which database this is, in one row: the store says the same of the jobs whose runs it holds.';
COMMENT ON COLUMN scoring.identity.secret IS
    'The key with which the database seals what its roles write into the store. A backup has it too. Nothing else must:'
    ' tasks that unpickle models write into the store as well.';
INSERT INTO scoring.identity DEFAULT VALUES;
REVOKE ALL ON scoring.identity FROM PUBLIC;
GRANT SELECT ON scoring.identity TO scoring_writer, scoring_janitor, scoring_approver;
GRANT SELECT ON SEQUENCE scoring.scoring_runs_run_id_seq TO scoring_writer, scoring_janitor, scoring_approver;
"""

# What no rebuild has entered keeps the hash that it always had.
RESTORED = """
ALTER TABLE scoring.decisions ADD COLUMN restored_as text;
COMMENT ON COLUMN scoring.decisions.restored_as IS
    'The login that entered it again from the store, by `rebuild`; null for what was entered as it happened.';
CREATE OR REPLACE FUNCTION scoring.seal_decision() RETURNS trigger
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
"""

# For the owner alone, who needs no such function to change a table: they spare `rebuild` a list of every column.
RESTORE = """
CREATE FUNCTION scoring.restore_rows(of_table text, lines jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text;
    restored bigint;
BEGIN
    -- A column that is younger than what was archived takes its default.
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute
    WHERE attrelid = to_regclass('scoring.' || quote_ident(of_table)) AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' AND lines -> 0 ? attname;
    IF columns IS NULL THEN RETURN 0; END IF;
    EXECUTE format('INSERT INTO scoring.%1$I (%2$s) OVERRIDING SYSTEM VALUE '
                   'SELECT %2$s FROM jsonb_populate_recordset(NULL::scoring.%1$I, $1)', of_table, columns)
    USING lines;
    GET DIAGNOSTICS restored = ROW_COUNT;
    RETURN restored;
END $$;
COMMENT ON FUNCTION scoring.restore_rows IS
    'Inserts archived rows of a table as they were, numbers and times too; returns how many.';

CREATE FUNCTION scoring.restore_run(run jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text;
BEGIN
    PERFORM FROM scoring.scoring_runs WHERE run_id = (run ->> 'run_id')::bigint;
    IF NOT FOUND THEN
        PERFORM scoring.restore_rows('scoring_runs', jsonb_build_array(run));
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute
    WHERE attrelid = 'scoring.scoring_runs'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND attidentity = '' AND run ? attname;
    EXECUTE format('UPDATE scoring.scoring_runs SET (%1$s) = '
                   '(SELECT %1$s FROM jsonb_populate_record(NULL::scoring.scoring_runs, $1)) WHERE run_id = $2',
                   columns)
    USING run, (run ->> 'run_id')::bigint;
    -- A trigger stamps a new status with the present.
    UPDATE scoring.scoring_runs SET status_since = (run ->> 'status_since')::timestamptz
    WHERE run_id = (run ->> 'run_id')::bigint;
END $$;
COMMENT ON FUNCTION scoring.restore_run IS 'Makes the row of a run what it was when it was archived.';
REVOKE EXECUTE ON FUNCTION scoring.restore_rows, scoring.restore_run FROM PUBLIC;
"""


def upgrade() -> None:
    """Add the identity, and what takes archived rows back."""
    op.execute(IDENTITY)
    op.execute(RESTORED)
    op.execute(RESTORE)


def downgrade() -> None:
    """Refuse: a store would belong to nobody any more."""
    raise NotImplementedError("the identity is not thrown away; restore a backup if you mean it")
