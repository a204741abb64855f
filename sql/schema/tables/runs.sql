-- Runs, and the ledger of each, part by part.

CREATE TABLE scoring.scoring_runs (
    run_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job                text        NOT NULL,
    score_date         date        NOT NULL,
    status             text        NOT NULL DEFAULT 'running' CHECK (
        status IN ('running', 'held', 'published', 'superseded', 'abandoned', 'failed')),
    status_reason      text,
    trigger            text        NOT NULL,
    dry_run            boolean     NOT NULL,
    interval_start     timestamptz NOT NULL,
    interval_end       timestamptz NOT NULL,
    idempotency_key    text,
    model_name         text,
    model_version      integer,
    model_sha256       text,
    code_version       text        NOT NULL,
    query_sha256       text,
    job_sha256         text        NOT NULL,
    input_sha256       text,
    library_versions   jsonb       NOT NULL,
    parts              integer,
    rows_extracted     bigint,
    rows_rejected      bigint,
    rows_scored        bigint,
    started_at         timestamptz NOT NULL DEFAULT now(),
    extracted_at       timestamptz,
    scored_at          timestamptz,
    published_at       timestamptz,
    decided_by         text,
    decision_reason    text,
    model_named        boolean     NOT NULL DEFAULT false,
    attempt            integer     NOT NULL DEFAULT 1,
    served_by          text        NOT NULL DEFAULT 'model'
        CHECK (served_by IN ('model', 'last_published', 'champion_previous')),
    status_since       timestamptz NOT NULL DEFAULT now(),
    expired_at         timestamptz,
    rows_pruned_at     timestamptz,
    parts_pruned_at    timestamptz,
    rejected_pruned_at timestamptz,
    source_run_id      bigint      REFERENCES scoring.scoring_runs,
    staleness_days     integer     NOT NULL DEFAULT 0 CHECK (staleness_days >= 0),
    -- On the run's row: a retry replaces them at once, and those of a published run cannot change. What is no list of
    -- objects would break the view `findings` for whoever reads it.
    findings           jsonb       NOT NULL DEFAULT '[]' CHECK (CASE WHEN jsonb_typeof(findings) = 'array' THEN
        jsonb_array_length(findings) = jsonb_array_length(jsonb_path_query_array(
            findings, 'strict $[*] ? (@.check.type() == "string" && @.action.type() == "string"
                                      && @.message.type() == "string")')) ELSE false END),
    -- A login cannot be chosen by whoever states a name.
    triggered_by       text,
    triggered_as       text        DEFAULT session_user,
    decided_as         text,
    metrics_pruned_at  timestamptz,
    pipeline_version   text,
    ready_sha256       text,
    CHECK (status NOT IN ('published', 'superseded')
           OR (idempotency_key IS NOT NULL AND published_at IS NOT NULL AND rows_scored IS NOT NULL
               AND rows_extracted = rows_scored + rows_rejected AND NOT dry_run)),
    CHECK ((served_by = 'last_published') = (source_run_id IS NOT NULL)),
    CHECK ((served_by = 'last_published') = (staleness_days > 0)),
    CHECK (interval_start < interval_end),
    -- What a run scores with is known when it begins. One that failed before that has a reason, and none of these.
    CONSTRAINT unbegun_runs_failed CHECK (
        num_nulls(model_name, model_version, model_sha256, query_sha256) = 0
        OR extracted_at IS NULL AND rows_extracted IS NULL AND status IN ('running', 'failed', 'abandoned'))
);
CREATE UNIQUE INDEX one_published_run ON scoring.scoring_runs (job, score_date) WHERE status = 'published';
CREATE INDEX runs_by_key ON scoring.scoring_runs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_night ON scoring.scoring_runs (job, score_date, run_id);
COMMENT ON TABLE scoring.scoring_runs IS
    'One row for every try at scoring one job for one score date; immutable once published.';
COMMENT ON COLUMN scoring.scoring_runs.run_id IS 'The run''s number.';
COMMENT ON COLUMN scoring.scoring_runs.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.scoring_runs.score_date IS 'The day whose rows are scored.';
COMMENT ON COLUMN scoring.scoring_runs.status IS
    '`running`, `held`, `published`, `superseded`, `abandoned` or `failed`.';
COMMENT ON COLUMN scoring.scoring_runs.status_reason IS 'Why it was held, abandoned or failed; null otherwise.';
COMMENT ON COLUMN scoring.scoring_runs.trigger IS 'What asked for the run: a DAG run of Airflow, or a command.';
COMMENT ON COLUMN scoring.scoring_runs.dry_run IS 'Whether the run does everything but publish.';
COMMENT ON COLUMN scoring.scoring_runs.interval_start IS 'When the score date begins in the job''s time zone.';
COMMENT ON COLUMN scoring.scoring_runs.interval_end IS 'When it ends.';
COMMENT ON COLUMN scoring.scoring_runs.idempotency_key IS
    'Digest of all that decides the scores. Of two runs with one key the second is not published.';
COMMENT ON COLUMN scoring.scoring_runs.model_name IS 'The model that scores.';
COMMENT ON COLUMN scoring.scoring_runs.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.scoring_runs.model_sha256 IS
    'SHA-256 of the artefact''s bytes; null, as the query''s may be, where the run failed before it began.';
COMMENT ON COLUMN scoring.scoring_runs.code_version IS 'Digest of the code that decides a score.';
COMMENT ON COLUMN scoring.scoring_runs.query_sha256 IS 'SHA-256 of the text of the job''s query.';
COMMENT ON COLUMN scoring.scoring_runs.job_sha256 IS 'SHA-256 of the job file.';
COMMENT ON COLUMN scoring.scoring_runs.input_sha256 IS 'Digest of the counts and files of all parts.';
COMMENT ON COLUMN scoring.scoring_runs.library_versions IS 'Versions of the libraries on which scores depend.';
COMMENT ON COLUMN scoring.scoring_runs.parts IS 'How many parts the run has.';
COMMENT ON COLUMN scoring.scoring_runs.rows_extracted IS 'How many rows the query gave.';
COMMENT ON COLUMN scoring.scoring_runs.rows_rejected IS
    'How many of them broke the contract, or made the model itself raise.';
COMMENT ON COLUMN scoring.scoring_runs.rows_scored IS 'How many were scored.';
COMMENT ON COLUMN scoring.scoring_runs.started_at IS 'When the run began.';
COMMENT ON COLUMN scoring.scoring_runs.extracted_at IS 'When the last row had been read.';
COMMENT ON COLUMN scoring.scoring_runs.scored_at IS 'When the last part was scored and written.';
COMMENT ON COLUMN scoring.scoring_runs.published_at IS 'When it was first published; null if it never was.';
COMMENT ON COLUMN scoring.scoring_runs.decided_by IS 'Who approved or rejected the held run, as stated.';
COMMENT ON COLUMN scoring.scoring_runs.decision_reason IS
    'Why the held run was approved or rejected, as stated.';
COMMENT ON COLUMN scoring.scoring_runs.model_named IS
    'Whether a person named the model version; else it came from the job''s alias.';
COMMENT ON COLUMN scoring.scoring_runs.attempt IS
    'Which try of its trigger this is: a late try does not take over from a later one.';
COMMENT ON COLUMN scoring.scoring_runs.served_by IS
    '`model`: the date''s own scores. Otherwise the fallback of the job file that stands in for a run that '
    'failed.';
COMMENT ON COLUMN scoring.scoring_runs.status_since IS
    'When the run took its status: retention counts from here.';
COMMENT ON COLUMN scoring.scoring_runs.expired_at IS
    'From when on the run''s rows may go: it is never published or rolled back to again.';
COMMENT ON COLUMN scoring.scoring_runs.rows_pruned_at IS 'When the last of its rows had gone.';
COMMENT ON COLUMN scoring.scoring_runs.parts_pruned_at IS 'From when on its files may go from the store.';
COMMENT ON COLUMN scoring.scoring_runs.rejected_pruned_at IS 'When the last of its rejected rows had gone.';
COMMENT ON COLUMN scoring.scoring_runs.source_run_id IS
    'last_published: the run whose scores are served again.';
COMMENT ON COLUMN scoring.scoring_runs.staleness_days IS
    'How many days before the score date the rows were scored.';
COMMENT ON COLUMN scoring.scoring_runs.findings IS
    'What the gate''s checks found unusual; as rows in `findings`.';
COMMENT ON COLUMN scoring.scoring_runs.triggered_by IS
    'The person who triggered the run, as Airflow or the command line states it; null where a schedule did.';
COMMENT ON COLUMN scoring.scoring_runs.triggered_as IS 'The login that began the run.';
COMMENT ON COLUMN scoring.scoring_runs.decided_as IS 'The login that approved or rejected it.';
COMMENT ON COLUMN scoring.scoring_runs.metrics_pruned_at IS
    'When its metrics, profiles and outcomes went, and the messages about it that had been sent.';
COMMENT ON COLUMN scoring.scoring_runs.pipeline_version IS
    'Version of the product that scored; null of runs before 0.1.0, which did not note it.';
COMMENT ON COLUMN scoring.scoring_runs.ready_sha256 IS
    'SHA-256 of the text of the job''s ready query; null where it has none.';

CREATE TABLE scoring.run_parts (
    run_id             bigint  NOT NULL REFERENCES scoring.scoring_runs,
    part               integer NOT NULL,
    rows_extracted     bigint  NOT NULL,
    rows_rejected      bigint  NOT NULL,
    input_sha256       text    NOT NULL,
    rows_scored        bigint,
    scored_sha256      text,
    written_at         timestamptz,
    rows_erased        bigint  NOT NULL DEFAULT 0 CHECK (rows_erased >= 0),
    input_sha256_next  text,
    scored_sha256_next text,
    PRIMARY KEY (run_id, part),
    CHECK (rows_scored IS NULL OR rows_extracted = rows_scored + rows_rejected)
);
COMMENT ON TABLE scoring.run_parts IS
    'The ledger of a run, part by part: extracted = scored + rejected, and the SHA-256 of the part''s files.';
COMMENT ON COLUMN scoring.run_parts.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.run_parts.part IS 'The part''s number, from 0.';
COMMENT ON COLUMN scoring.run_parts.rows_extracted IS 'How many rows of the query fell to the part.';
COMMENT ON COLUMN scoring.run_parts.rows_rejected IS
    'How many of them broke the contract, or made the model itself raise.';
COMMENT ON COLUMN scoring.run_parts.input_sha256 IS 'SHA-256 of the file with the rows that the model gets.';
COMMENT ON COLUMN scoring.run_parts.rows_scored IS 'How many rows were scored; null until then.';
COMMENT ON COLUMN scoring.run_parts.scored_sha256 IS 'SHA-256 of the file with the scores.';
COMMENT ON COLUMN scoring.run_parts.written_at IS 'When the scores were written into the database.';
COMMENT ON COLUMN scoring.run_parts.rows_erased IS
    'Scored rows that were erased since; the other counts say what the part was when it was scored.';
COMMENT ON COLUMN scoring.run_parts.input_sha256_next IS
    'While an erasure rewrites the part: the digest that its file is about to have, or has already.';
COMMENT ON COLUMN scoring.run_parts.scored_sha256_next IS 'The same for the scored part.';
