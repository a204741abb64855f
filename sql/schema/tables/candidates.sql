-- Trained models that nobody has adopted yet. Their bytes are in the artefact store. Rights stand here, so that a revision
-- can run this file.

CREATE TABLE scoring.model_candidates (
    candidate       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job             text        NOT NULL,
    model           text        NOT NULL,
    manifest        text        NOT NULL,
    card            text        NOT NULL,
    files           jsonb       NOT NULL CHECK (jsonb_typeof(files) = 'object'),
    artefact_sha256 text        NOT NULL GENERATED ALWAYS AS (
        files #>> ARRAY['model.joblib', 'sha256']) STORED CHECK (artefact_sha256 ~ '^[0-9a-f]{64}$'),
    training_start  date        NOT NULL,
    training_end    date        NOT NULL CHECK (training_end >= training_start),
    rows            bigint      NOT NULL CHECK (rows > 0),
    data_sha256     text        NOT NULL,
    query           text        NOT NULL,
    query_sha256    text        NOT NULL,
    outcomes_sha256 text        NOT NULL,
    function        text        NOT NULL,
    code_sha256     text        NOT NULL,
    code_version    text        NOT NULL,
    job_sha256      text        NOT NULL,
    evaluation      jsonb       NOT NULL CHECK (jsonb_typeof(evaluation) = 'object'),
    status          text        NOT NULL DEFAULT 'candidate' CHECK (status IN ('candidate', 'adopted')),
    adopted_as      integer     CHECK (adopted_as > 0),
    trained_by      text        NOT NULL,
    trained_as      text        NOT NULL DEFAULT session_user,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 'adopted') = (adopted_as IS NOT NULL)),
    UNIQUE (job, trained_by, artefact_sha256)
);
CREATE INDEX model_candidates_by_job ON scoring.model_candidates (job, candidate DESC);
COMMENT ON TABLE scoring.model_candidates IS
    'Models that were trained again and tried as versions are. None scores what is published before a person adopts it.';
COMMENT ON COLUMN scoring.model_candidates.candidate IS 'Its number.';
COMMENT ON COLUMN scoring.model_candidates.job IS 'The job that had it trained.';
COMMENT ON COLUMN scoring.model_candidates.model IS 'The model of which it may become a version.';
COMMENT ON COLUMN scoring.model_candidates.manifest IS 'Its manifest, JSON, as a version has it.';
COMMENT ON COLUMN scoring.model_candidates.card IS 'Its model card, Markdown.';
COMMENT ON COLUMN scoring.model_candidates.files IS
    'SHA-256 and size of each of its files, which lie in the artefact store.';
COMMENT ON COLUMN scoring.model_candidates.artefact_sha256 IS 'SHA-256 of the model''s own file.';
COMMENT ON COLUMN scoring.model_candidates.training_start IS 'The first score date that it was trained on.';
COMMENT ON COLUMN scoring.model_candidates.training_end IS 'The last score date that it was trained on.';
COMMENT ON COLUMN scoring.model_candidates.rows IS 'How many rows with an outcome it was trained on.';
COMMENT ON COLUMN scoring.model_candidates.data_sha256 IS 'SHA-256 of the training rows, as a Parquet file.';
COMMENT ON COLUMN scoring.model_candidates.query IS 'Text of the query that gave each score date''s rows.';
COMMENT ON COLUMN scoring.model_candidates.query_sha256 IS 'SHA-256 of that text.';
COMMENT ON COLUMN scoring.model_candidates.outcomes_sha256 IS 'SHA-256 of the outcomes query''s text.';
COMMENT ON COLUMN scoring.model_candidates.function IS 'The team''s function that trained it.';
COMMENT ON COLUMN scoring.model_candidates.code_sha256 IS 'SHA-256 of that function''s file and the modules beside it.';
COMMENT ON COLUMN scoring.model_candidates.code_version IS 'Digest of the pipeline''s code.';
COMMENT ON COLUMN scoring.model_candidates.job_sha256 IS 'SHA-256 of the job file.';
COMMENT ON COLUMN scoring.model_candidates.evaluation IS
    'Its figures out of fold, beside those of baselines and of the champion.';
COMMENT ON COLUMN scoring.model_candidates.status IS
    '`candidate`, or `adopted` once its text was written into a repository.';
COMMENT ON COLUMN scoring.model_candidates.adopted_as IS 'The version that it became there.';
COMMENT ON COLUMN scoring.model_candidates.trained_by IS
    'What had it trained: the command line, or an Airflow DAG run.';
COMMENT ON COLUMN scoring.model_candidates.trained_as IS 'The login that entered it.';
COMMENT ON COLUMN scoring.model_candidates.created_at IS 'When it was entered.';

-- What it is never changes, and nobody takes it away: only whether it was adopted is noted.
GRANT SELECT ON scoring.model_candidates TO scoring_writer;
GRANT INSERT (job, model, manifest, card, files, training_start, training_end, rows, data_sha256, query, query_sha256,
              outcomes_sha256, function, code_sha256, code_version, job_sha256, evaluation, trained_by)
    ON scoring.model_candidates TO scoring_writer;
GRANT UPDATE (status, adopted_as) ON scoring.model_candidates TO scoring_writer;
