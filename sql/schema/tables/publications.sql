-- Which run of a job and score date is shown, and was.

CREATE TABLE scoring.current_runs (
    job        text   NOT NULL,
    score_date date   NOT NULL,
    run_id     bigint NOT NULL REFERENCES scoring.scoring_runs,
    PRIMARY KEY (job, score_date)
);
COMMENT ON TABLE scoring.current_runs IS 'The pointer: which run `predictions` shows for a job and score date.';
COMMENT ON COLUMN scoring.current_runs.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.current_runs.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.current_runs.run_id IS 'The run that is shown, as in `scoring_runs`.';

CREATE TABLE scoring.publications (
    job             text        NOT NULL,
    score_date      date        NOT NULL,
    run_id          bigint      NOT NULL REFERENCES scoring.scoring_runs,
    replaced_run_id bigint      REFERENCES scoring.scoring_runs,
    published_at    timestamptz NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('publish', 'approval', 'rollback')),
    by              text,
    reason          text,
    login           text,
    CHECK (kind = 'publish' OR (by IS NOT NULL AND reason IS NOT NULL))
);
CREATE INDEX publications_by_night ON scoring.publications (job, score_date, published_at);
COMMENT ON TABLE scoring.publications IS
    'Every move of the pointer, append-only: which run `predictions` showed from when on, and who decided it.';
COMMENT ON COLUMN scoring.publications.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.publications.score_date IS 'The score date.';
COMMENT ON COLUMN scoring.publications.run_id IS 'The run that was shown from then on.';
COMMENT ON COLUMN scoring.publications.replaced_run_id IS
    'The run that was shown before; null where there was none.';
COMMENT ON COLUMN scoring.publications.published_at IS 'When the pointer moved.';
COMMENT ON COLUMN scoring.publications.kind IS '`publish`, `approval` of a held run, or `rollback`.';
COMMENT ON COLUMN scoring.publications.by IS 'Who decided, as stated; null where the run passed its gate.';
COMMENT ON COLUMN scoring.publications.reason IS 'Why, as stated; null where the run passed its gate.';
COMMENT ON COLUMN scoring.publications.login IS 'The login that moved the pointer.';

-- Any session may take any advisory lock of its database. These are locks that only the owner's functions can take.
CREATE TABLE scoring.nights (
    job        text NOT NULL,
    score_date date NOT NULL,
    PRIMARY KEY (job, score_date)
);
COMMENT ON TABLE scoring.nights IS
    'One row for every job and score date, to be locked. Only the owner''s functions can lock it, so no reader '
    'holds a run up.';
COMMENT ON COLUMN scoring.nights.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.nights.score_date IS 'The score date.';
