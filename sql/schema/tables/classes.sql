-- What the numbers in `class_scores` are probabilities of. A model's classes follow from its bytes: so the digest of these
-- is the key, whoever registered the model, and whatever it is called.
--
-- Its rights stand here and not with the others, so that a revision can run this file where the baseline had none.

CREATE TABLE scoring.model_classes (
    model_sha256 text   PRIMARY KEY CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
    classes      text[] NOT NULL CHECK (array_ndims(classes) = 1 AND array_position(classes, NULL) IS NULL)
);
COMMENT ON TABLE scoring.model_classes IS
    'The names of the classes of each multiclass model, in the order of `class_scores`.';
COMMENT ON COLUMN scoring.model_classes.model_sha256 IS
    'SHA-256 of the artefact''s bytes, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.model_classes.classes IS 'The names, in the order of the model''s probabilities.';
-- EXPLAIN shows to anybody what ANALYZE keeps.
ALTER TABLE scoring.model_classes ALTER COLUMN classes SET STATISTICS 0;

ALTER TABLE scoring.model_classes ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.model_classes USING (true);
CREATE POLICY my_jobs ON scoring.model_classes AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR model_sha256 IN (SELECT mine.model_sha256 FROM scoring.scoring_runs AS mine));
GRANT SELECT, INSERT ON scoring.model_classes TO scoring_writer;
GRANT SELECT ON scoring.model_classes TO scoring_job_analyst;
