-- What the API was asked to score, as counts: over a night's bins, so that both stand side by side. No entity, no value.
-- Rights stand here, so that a revision can run this file.

CREATE TABLE scoring.online_profiles (
    job          text    NOT NULL,
    answered_on  date    NOT NULL,
    model_sha256 text    NOT NULL CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
    column_name  text    NOT NULL,
    bin          integer NOT NULL,
    label        text    NOT NULL,
    count        bigint  NOT NULL CHECK (count >= 0),
    PRIMARY KEY (job, answered_on, model_sha256, column_name, bin)
);
COMMENT ON TABLE scoring.online_profiles IS
    'Histograms of the rows that the API scored on a day, over the bins of `profiles`; kept for 400 days.';
COMMENT ON COLUMN scoring.online_profiles.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.online_profiles.answered_on IS 'The day of the answers, in the job''s time zone.';
COMMENT ON COLUMN scoring.online_profiles.model_sha256 IS 'SHA-256 of the model that scored, whose bins they are.';
COMMENT ON COLUMN scoring.online_profiles.column_name IS 'The feature; empty for the score.';
COMMENT ON COLUMN scoring.online_profiles.bin IS 'The bin''s place, as in `profiles`.';
COMMENT ON COLUMN scoring.online_profiles.label IS 'What is in the bin, as in `profiles`.';
COMMENT ON COLUMN scoring.online_profiles.count IS 'How many rows are in the bin.';

CREATE TABLE scoring.online_rejections (
    job          text    NOT NULL,
    answered_on  date    NOT NULL,
    model_sha256 text    NOT NULL CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
    column_name  text    NOT NULL,
    rule         text    NOT NULL,
    count        bigint  NOT NULL CHECK (count >= 0),
    PRIMARY KEY (job, answered_on, model_sha256, column_name, rule)
);
COMMENT ON TABLE scoring.online_rejections IS
    'How many rows the API rejected on a day, by the rule that they broke; kept for 400 days.';
COMMENT ON COLUMN scoring.online_rejections.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.online_rejections.answered_on IS 'The day of the answers, in the job''s time zone.';
COMMENT ON COLUMN scoring.online_rejections.model_sha256 IS 'SHA-256 of the model that would have scored.';
COMMENT ON COLUMN scoring.online_rejections.column_name IS 'The column whose value broke the rule, as in `rejections`.';
COMMENT ON COLUMN scoring.online_rejections.rule IS 'The rule that was broken, as in `rejections`.';
COMMENT ON COLUMN scoring.online_rejections.count IS 'How many rows broke it.';

-- Counts add up, whichever process sends them, and none is ever taken back.
CREATE FUNCTION scoring.add_online(
    of_job text, of_day date, of_model text, columns text[], bins integer[], labels text[], counts bigint[],
    broken text[], rules text[], broken_rows bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (abs(of_day - current_date) <= 2) IS NOT TRUE THEN
        RAISE EXCEPTION 'rows that were answered on % are entered on that day', of_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO scoring.online_profiles AS kept
    SELECT of_job, of_day, of_model, one.name, one.bin, left(one.label, 1000), one.number
    FROM unnest(columns, bins, labels, counts) AS one (name, bin, label, number)
    ORDER BY one.name, one.bin
    ON CONFLICT (job, answered_on, model_sha256, column_name, bin) DO UPDATE SET count = kept.count + excluded.count;
    INSERT INTO scoring.online_rejections AS kept
    SELECT of_job, of_day, of_model, one.name, one.rule, one.number
    FROM unnest(broken, rules, broken_rows) AS one (name, rule, number)
    ORDER BY one.name, one.rule
    ON CONFLICT (job, answered_on, model_sha256, column_name, rule) DO UPDATE SET count = kept.count + excluded.count;
    DELETE FROM scoring.online_profiles AS old WHERE old.job = of_job AND old.answered_on < of_day - 400;
    DELETE FROM scoring.online_rejections AS old WHERE old.job = of_job AND old.answered_on < of_day - 400;
END $$;
COMMENT ON FUNCTION scoring.add_online IS
    'Adds what an API was asked since it last did so, as counts over bins and rules: the one way to enter it.';
REVOKE EXECUTE ON FUNCTION scoring.add_online FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.add_online TO scoring_api;

-- EXPLAIN shows what ANALYZE keeps, of the jobs too that an analyst may not see.
ALTER TABLE scoring.online_profiles
    ALTER answered_on SET STATISTICS 0, ALTER label SET STATISTICS 0, ALTER count SET STATISTICS 0;
ALTER TABLE scoring.online_rejections ALTER answered_on SET STATISTICS 0, ALTER count SET STATISTICS 0;
ALTER TABLE scoring.online_profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.online_profiles USING (true);
CREATE POLICY my_jobs ON scoring.online_profiles AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR job IN (SELECT mine.job FROM scoring.my_jobs AS mine));
ALTER TABLE scoring.online_rejections ENABLE ROW LEVEL SECURITY;
CREATE POLICY granted ON scoring.online_rejections USING (true);
CREATE POLICY my_jobs ON scoring.online_rejections AS RESTRICTIVE FOR SELECT TO scoring_job_analyst USING (
    (SELECT pg_has_role('scoring_analyst', 'USAGE') OR NOT pg_has_role('scoring_job_analyst', 'USAGE'))
    OR job IN (SELECT mine.job FROM scoring.my_jobs AS mine));
GRANT SELECT ON scoring.online_profiles, scoring.online_rejections TO scoring_writer, scoring_job_analyst;
