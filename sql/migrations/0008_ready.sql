-- A run notes the query that said whether its source was ready, beside the digest of its own query. A database that the
-- baseline has just made has it: nothing here fails twice.
ALTER TABLE scoring.scoring_runs ADD COLUMN IF NOT EXISTS ready_sha256 text;
COMMENT ON COLUMN scoring.scoring_runs.ready_sha256 IS
    'SHA-256 of the text of the job''s ready query; null where it has none.';
GRANT INSERT (ready_sha256) ON scoring.scoring_runs TO scoring_writer;
