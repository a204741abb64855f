-- How long each job's things are kept, and what erasures did.

-- Each function of clean-up asks the table that the owner writes. A job that has no row there loses nothing.
CREATE TABLE scoring.retention (
    job                  text    PRIMARY KEY,
    parts_days           integer NOT NULL CHECK (parts_days >= 1),
    rejected_values_days integer NOT NULL CHECK (rejected_values_days >= 1),
    superseded_days      integer NOT NULL CHECK (superseded_days >= 1),
    predictions_days     integer CHECK (predictions_days >= 1),
    entered_at           timestamptz NOT NULL DEFAULT now(),
    entered_by           text        NOT NULL DEFAULT session_user,
    metrics_days         integer CHECK (metrics_days >= 1)
);
COMMENT ON TABLE scoring.retention IS
    'For how many days each job''s data is kept: its file''s [retention], as `migrate` enters it. Nothing goes of'
    ' a job that has no row.';
COMMENT ON COLUMN scoring.retention.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.retention.parts_days IS 'Days for which the files of a run stay in the store.';
COMMENT ON COLUMN scoring.retention.rejected_values_days IS 'Days for which rejected rows stay.';
COMMENT ON COLUMN scoring.retention.superseded_days IS
    'Days for which the rows of runs stay that are no longer shown, or never were.';
COMMENT ON COLUMN scoring.retention.predictions_days IS 'Null: published scores are kept for ever.';
COMMENT ON COLUMN scoring.retention.entered_at IS 'When `migrate` entered the row.';
COMMENT ON COLUMN scoring.retention.entered_by IS 'The login that entered it.';
COMMENT ON COLUMN scoring.retention.metrics_days IS 'Null: metrics are kept for ever.';

CREATE TABLE scoring.erasures (
    erasure_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_at       timestamptz NOT NULL DEFAULT now(),
    job             text        NOT NULL,
    erased_by       text        NOT NULL,
    reason          text        NOT NULL,
    runs            bigint      NOT NULL,
    prediction_rows bigint      NOT NULL,
    rejected_rows   bigint      NOT NULL,
    parts           bigint      NOT NULL,
    erased_as       text        DEFAULT session_user
);
COMMENT ON TABLE scoring.erasures IS
    'A receipt for every erasure: when, by whom, why and how much. Never whose: nothing of the subject is in it.';
COMMENT ON COLUMN scoring.erasures.erasure_id IS 'The receipt''s number.';
COMMENT ON COLUMN scoring.erasures.erased_at IS 'When it was erased.';
COMMENT ON COLUMN scoring.erasures.job IS 'The job in whose runs it was erased.';
COMMENT ON COLUMN scoring.erasures.erased_by IS 'Who erased, as they said themselves.';
COMMENT ON COLUMN scoring.erasures.reason IS 'Why, as stated.';
COMMENT ON COLUMN scoring.erasures.runs IS 'How many runs had something of the entity.';
COMMENT ON COLUMN scoring.erasures.prediction_rows IS 'How many rows of scores were removed.';
COMMENT ON COLUMN scoring.erasures.rejected_rows IS 'How many rejected rows were removed.';
COMMENT ON COLUMN scoring.erasures.parts IS 'How many files of the store were rewritten.';
COMMENT ON COLUMN scoring.erasures.erased_as IS 'The login that erased, as the database knows it.';

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
COMMENT ON TABLE scoring.rewrites IS
    'Every change of a part''s digest by an erasure, append-only: the first row of a part has what was scored.';
COMMENT ON COLUMN scoring.rewrites.rewrite_id IS 'The change''s number.';
COMMENT ON COLUMN scoring.rewrites.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.rewrites.part IS 'The part''s number, as in `run_parts`.';
COMMENT ON COLUMN scoring.rewrites.kind IS '`input` or `scored`: which of the part''s files.';
COMMENT ON COLUMN scoring.rewrites.sha256 IS 'The digest that the ledger had before.';
COMMENT ON COLUMN scoring.rewrites.sha256_next IS 'The digest that the ledger has since.';
COMMENT ON COLUMN scoring.rewrites.rewritten_at IS 'When it was rewritten.';
COMMENT ON COLUMN scoring.rewrites.rewritten_by IS 'The login that rewrote the part.';
CREATE INDEX rewrites_by_part ON scoring.rewrites (run_id, part, kind);
