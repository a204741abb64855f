-- Who may ask the API, and what replays through it have proved. Rights stand here, so that a revision can run this file.
--
-- Nobody but the owner makes, changes or withdraws a token: `scoring tokens`. Who reads the digests could not log in with
-- them, and is the API's login alone all the same.

CREATE TABLE scoring.api_tokens (
    token_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client       text        NOT NULL CHECK (client ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$'),
    jobs         text[]      NOT NULL DEFAULT '{}' CHECK (array_position(jobs, NULL) IS NULL),
    token_sha256 text        NOT NULL UNIQUE CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    granted_by   text        NOT NULL DEFAULT session_user,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz CHECK (expires_at > granted_at),
    revoked_at   timestamptz
);
CREATE INDEX api_tokens_by_client ON scoring.api_tokens (client);
COMMENT ON TABLE scoring.api_tokens IS
    'Who may ask the API: one row a token, of which nothing is kept but its digest.';
COMMENT ON COLUMN scoring.api_tokens.token_id IS 'The number of the token.';
COMMENT ON COLUMN scoring.api_tokens.client IS 'The program or team that asks with it.';
COMMENT ON COLUMN scoring.api_tokens.jobs IS 'The jobs of which it may ask; every job where none is named.';
COMMENT ON COLUMN scoring.api_tokens.token_sha256 IS 'SHA-256 of the token, which is 256 random bits.';
COMMENT ON COLUMN scoring.api_tokens.granted_by IS 'The login that made it.';
COMMENT ON COLUMN scoring.api_tokens.granted_at IS 'When it was made.';
COMMENT ON COLUMN scoring.api_tokens.expires_at IS 'From when on it is none; null where it lasts.';
COMMENT ON COLUMN scoring.api_tokens.revoked_at IS 'When it was withdrawn; null while it counts.';

CREATE TABLE scoring.parity_certificates (
    certificate_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id           bigint      NOT NULL REFERENCES scoring.scoring_runs,
    replayed_at      timestamptz NOT NULL DEFAULT now(),
    replayed_by      text        NOT NULL DEFAULT session_user,
    model_name       text        NOT NULL,
    model_version    integer     NOT NULL,
    model_sha256     text        NOT NULL,
    code_version     text        NOT NULL,
    pipeline_version text        NOT NULL,
    rows_scored      bigint      NOT NULL CHECK (rows_scored >= 0),
    rows_rejected    bigint      NOT NULL CHECK (rows_rejected >= 0),
    differences      bigint      NOT NULL CHECK (differences >= 0),
    published_sha256 text        NOT NULL CHECK (published_sha256 ~ '^[0-9a-f]{64}$'),
    served_sha256    text        NOT NULL CHECK (served_sha256 ~ '^[0-9a-f]{64}$'),
    CHECK ((published_sha256 = served_sha256) = (differences = 0))
);
CREATE INDEX parity_certificates_by_run ON scoring.parity_certificates (run_id, certificate_id);
COMMENT ON TABLE scoring.parity_certificates IS
    'One row each time that a published run was replayed through a running API and compared bit for bit, append-only.';
COMMENT ON COLUMN scoring.parity_certificates.certificate_id IS 'The number of the certificate.';
COMMENT ON COLUMN scoring.parity_certificates.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.parity_certificates.replayed_at IS 'When the replay had ended.';
COMMENT ON COLUMN scoring.parity_certificates.replayed_by IS 'The login that entered it.';
COMMENT ON COLUMN scoring.parity_certificates.model_name IS 'The model that answered.';
COMMENT ON COLUMN scoring.parity_certificates.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.parity_certificates.model_sha256 IS 'SHA-256 of its artefact, as the answers gave it.';
COMMENT ON COLUMN scoring.parity_certificates.code_version IS
    'Digest of the code that decides a score, as the API gave it.';
COMMENT ON COLUMN scoring.parity_certificates.pipeline_version IS 'The version of the product that answered.';
COMMENT ON COLUMN scoring.parity_certificates.rows_scored IS 'How many rows of the run were asked again that got a score.';
COMMENT ON COLUMN scoring.parity_certificates.rows_rejected IS 'How many were asked again that had been rejected.';
COMMENT ON COLUMN scoring.parity_certificates.differences IS
    'How many scores, labels and rejections were not the same, to the last bit.';
COMMENT ON COLUMN scoring.parity_certificates.published_sha256 IS
    'Digest of all scores, labels and rejections as they were published.';
COMMENT ON COLUMN scoring.parity_certificates.served_sha256 IS
    'The same of the answers: equal to the other where, and only where, nothing differs.';

GRANT USAGE ON SCHEMA scoring TO scoring_api;
DO $$
BEGIN
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM scoring_api', current_database());
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO scoring_api', current_database());
    END IF;
END $$;
GRANT SELECT ON scoring.api_tokens TO scoring_api;

GRANT SELECT ON scoring.parity_certificates TO scoring_writer;
GRANT INSERT (run_id, model_name, model_version, model_sha256, code_version, pipeline_version, rows_scored,
              rows_rejected, differences, published_sha256, served_sha256)
    ON scoring.parity_certificates TO scoring_writer;
-- EXPLAIN shows what ANALYZE keeps, of the jobs too that an analyst may not see.
ALTER TABLE scoring.parity_certificates
    ALTER replayed_at SET STATISTICS 0, ALTER replayed_by SET STATISTICS 0, ALTER differences SET STATISTICS 0,
    ALTER certificate_id SET STATISTICS 0, ALTER published_sha256 SET STATISTICS 0,
    ALTER served_sha256 SET STATISTICS 0;
ALTER TABLE scoring.parity_certificates ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.parity_certificates USING (true);
CREATE POLICY my_jobs ON scoring.parity_certificates AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR run_id IN (SELECT mine.run_id FROM scoring.scoring_runs AS mine));
GRANT SELECT ON scoring.parity_certificates TO scoring_job_analyst;
-- What EXPLAIN tells of the digests to nobody but who reads them: nothing is kept of a token's.
ALTER TABLE scoring.api_tokens ALTER token_sha256 SET STATISTICS 0;
