-- A measured run's scores in bins, with their outcomes: what later runs' metrics are estimated from. Rights stand here,
-- so that a revision can run this file.

CREATE TABLE scoring.outcome_bins (
    run_id        bigint           NOT NULL REFERENCES scoring.scoring_runs,
    bin           integer          NOT NULL CHECK (bin >= 0),
    rows          double precision NOT NULL CHECK (rows > 0 AND rows < 'Infinity'),
    positives     double precision NOT NULL CHECK (positives BETWEEN 0 AND rows),
    called        double precision NOT NULL CHECK (called BETWEEN 0 AND rows),
    score         double precision NOT NULL,
    score_squared double precision NOT NULL,
    log_score     double precision NOT NULL,
    log_rest      double precision NOT NULL,
    PRIMARY KEY (run_id, bin)
);
COMMENT ON TABLE scoring.outcome_bins IS
    'Scores of a measured run of a binary model, with their outcomes, in bins of a tenth of their log-odds.';
COMMENT ON COLUMN scoring.outcome_bins.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.outcome_bins.bin IS 'The bin''s place: bins ascend, and are the same for every run.';
COMMENT ON COLUMN scoring.outcome_bins.rows IS 'How many scores with an outcome are in the bin.';
COMMENT ON COLUMN scoring.outcome_bins.positives IS 'How many of them turned out positive.';
COMMENT ON COLUMN scoring.outcome_bins.called IS 'How many of them have the positive label.';
COMMENT ON COLUMN scoring.outcome_bins.score IS 'The sum of their scores.';
COMMENT ON COLUMN scoring.outcome_bins.score_squared IS 'The sum of their scores'' squares.';
COMMENT ON COLUMN scoring.outcome_bins.log_score IS 'The sum of their scores'' logarithms.';
COMMENT ON COLUMN scoring.outcome_bins.log_rest IS 'The sum of the logarithms of 1 less the score.';

-- What was thrown away does not come back.
CREATE FUNCTION scoring.replace_outcome_bins(
    of_run bigint, bins integer[], rows double precision[], positives double precision[], called double precision[],
    scores double precision[], squares double precision[], log_scores double precision[], log_rests double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.scoring_runs AS run
    WHERE run.run_id = of_run AND run.published_at IS NOT NULL AND run.metrics_pruned_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, or its metrics had their time: it takes no outcomes', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM scoring.outcome_bins WHERE run_id = of_run;
    INSERT INTO scoring.outcome_bins
    SELECT of_run, found.* FROM unnest(bins, rows, positives, called, scores, squares, log_scores, log_rests) AS found;
END $$;
COMMENT ON FUNCTION scoring.replace_outcome_bins IS
    'Enters the binned scores and outcomes of a published run, in place of those that were measured before.';

REVOKE ALL ON FUNCTION scoring.replace_outcome_bins FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.replace_outcome_bins TO scoring_writer;
GRANT SELECT ON scoring.outcome_bins TO scoring_writer;
-- To list what would go, the janitor counts rows.
GRANT SELECT (run_id) ON scoring.outcome_bins TO scoring_janitor;
