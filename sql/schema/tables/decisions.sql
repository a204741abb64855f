-- The chain of decisions. Its head is a row of its own, so that one entry follows another under a lock that needs the
-- right to update it.

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
    restored_as     text,
    CHECK (kind = 'publish' OR scoring.is_visible(by) AND scoring.is_visible(reason)),
    CHECK ((kind = 'erasure') = (erasure_id IS NOT NULL) AND (kind = 'erasure') = (run_id IS NULL))
);
COMMENT ON TABLE scoring.decisions IS
    'Every publication, approval, rollback, rejection and erasure, append-only. Each entry carries a hash over '
    'itself and its predecessor. `scoring verify` names the first entry that was altered.';
COMMENT ON COLUMN scoring.decisions.entry IS 'From 1, without a gap.';
COMMENT ON COLUMN scoring.decisions.recorded_at IS 'When it was done.';
COMMENT ON COLUMN scoring.decisions.kind IS 'publish, approval, rollback, rejection or erasure.';
COMMENT ON COLUMN scoring.decisions.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.decisions.score_date IS 'The score date; null for an erasure.';
COMMENT ON COLUMN scoring.decisions.run_id IS 'The run that it is about; null for an erasure.';
COMMENT ON COLUMN scoring.decisions.replaced_run_id IS 'The run that was shown before.';
COMMENT ON COLUMN scoring.decisions.erasure_id IS 'The receipt, as in `erasures`; null for anything else.';
COMMENT ON COLUMN scoring.decisions.by IS 'Who decided, as stated; null where a run passed its gate.';
COMMENT ON COLUMN scoring.decisions.login IS
    'The login that did it; null for what was done before logins were kept.';
COMMENT ON COLUMN scoring.decisions.reason IS 'Why, as stated.';
COMMENT ON COLUMN scoring.decisions.subject_sha256 IS 'Digest of the run with its ledger, or of the receipt.';
COMMENT ON COLUMN scoring.decisions.previous_sha256 IS 'The hash of the entry before; 64 zeros for the first.';
COMMENT ON COLUMN scoring.decisions.sha256 IS 'The hash over all other columns.';
COMMENT ON COLUMN scoring.decisions.restored_as IS
    'The login that entered it again from the store, by `rebuild`; null for what was entered as it happened.';

CREATE TABLE scoring.decisions_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    entry    bigint  NOT NULL,
    sha256   text    NOT NULL
);
COMMENT ON TABLE scoring.decisions_head IS
    'The last entry of `decisions`: its lock makes one entry follow another.';
COMMENT ON COLUMN scoring.decisions_head.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN scoring.decisions_head.entry IS 'The number of the last entry.';
COMMENT ON COLUMN scoring.decisions_head.sha256 IS 'The hash of the last entry.';
INSERT INTO scoring.decisions_head (entry, sha256) VALUES (0, repeat('0', 64));
