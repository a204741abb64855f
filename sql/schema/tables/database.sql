-- Which database this is, and which schema it has.

-- A restored backup has the identity of what was backed up, and a database that was made anew has one of its own.
CREATE TABLE scoring.identity (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    database_id uuid        NOT NULL DEFAULT gen_random_uuid(),
    made_at     timestamptz NOT NULL DEFAULT now(),
    secret      bytea       NOT NULL DEFAULT sha256(convert_to(
        gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);
COMMENT ON TABLE scoring.identity IS
    'Which database this is, in one row: the store says the same of the jobs whose runs it holds.';
COMMENT ON COLUMN scoring.identity.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN scoring.identity.database_id IS 'The number by which the store knows this database.';
COMMENT ON COLUMN scoring.identity.made_at IS 'When the database was made.';
COMMENT ON COLUMN scoring.identity.secret IS
    'The key with which the database seals what its roles write into the store. A backup has it too; nothing else'
    ' may.';
INSERT INTO scoring.identity DEFAULT VALUES;

-- Alembic has made it already, where it runs this file.
CREATE TABLE IF NOT EXISTS scoring.alembic_version (
    version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
);
COMMENT ON TABLE scoring.alembic_version IS 'Which revision of sql/migrations this schema is at.';
COMMENT ON COLUMN scoring.alembic_version.version_num IS 'The number of the revision.';
