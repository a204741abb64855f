-- Numbers about runs: their own, their columns' histograms, and how their scores fared against the real results.

CREATE TABLE scoring.run_metrics (
    run_id bigint           NOT NULL REFERENCES scoring.scoring_runs,
    metric text             NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (run_id, metric)
);
COMMENT ON TABLE scoring.run_metrics IS 'One number about one run: counts, seconds, memory, the scores'' spread.';

CREATE TABLE scoring.feature_metrics (
    run_id  bigint           NOT NULL REFERENCES scoring.scoring_runs,
    feature text             NOT NULL,
    metric  text             NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (run_id, feature, metric)
);
COMMENT ON TABLE scoring.feature_metrics IS
    'One number about one feature of one run: nulls, unknown categories, range.';

CREATE TABLE scoring.profiles (
    run_id      bigint  NOT NULL REFERENCES scoring.scoring_runs,
    column_name text    NOT NULL,
    bin         integer NOT NULL CHECK (bin >= 0),
    label       text    NOT NULL,
    count       bigint  NOT NULL CHECK (count >= 0),
    PRIMARY KEY (run_id, column_name, bin)
);
COMMENT ON TABLE scoring.profiles IS
    'Histograms of the rows that a run scored: counts add up over runs of models with the same bins (labels).';
COMMENT ON COLUMN scoring.profiles.column_name IS 'The feature; empty for the score.';
COMMENT ON COLUMN scoring.profiles.bin IS 'The bin''s place: bins of numbers ascend, and null is the last.';
COMMENT ON COLUMN scoring.profiles.label IS 'What is in the bin: a range, a category, other, null, present.';

CREATE TABLE scoring.outcome_metrics (
    run_id       bigint           NOT NULL REFERENCES scoring.scoring_runs,
    slice_column text             NOT NULL,
    slice_value  text,
    metric       text             NOT NULL,
    value        double precision NOT NULL,
    measured_at  timestamptz      NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (run_id, slice_column, slice_value, metric)
);
COMMENT ON TABLE scoring.outcome_metrics IS
    'One number about how the scores of one published run fared against the real results: of all its entities, or of '
    'those that have one value in one of the job''s slices. Measuring again replaces all the numbers of a run; the old '
    'ones are in `outcome_metrics_history`.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_column IS
    'The feature whose values make the groups; empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_value IS
    'The feature''s value, as text; null where it is missing, empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.metric IS
    'Such as coverage, roc_auc, log_loss, recall, rmse. recall_low and recall_high bound a rate at 95 percent '
    '(Wilson). log_loss:base_rate is that of a baseline, skill:base_rate what the model gains over it, '
    'recall_gap:carrier the largest difference between groups, business:NAME a number of the job''s own, '
    'training:NAME one of the manifest.';
COMMENT ON COLUMN scoring.outcome_metrics.measured_at IS 'When the results were read.';

CREATE TABLE scoring.outcome_metrics_history (
    run_id       bigint           NOT NULL REFERENCES scoring.scoring_runs,
    slice_column text             NOT NULL,
    slice_value  text,
    metric       text             NOT NULL,
    value        double precision NOT NULL,
    measured_at  timestamptz      NOT NULL,
    replaced_at  timestamptz      NOT NULL,
    replaced_by  text             NOT NULL
);
COMMENT ON TABLE scoring.outcome_metrics_history IS
    'What `outcome_metrics` said of a run before it was measured again, append-only.';
COMMENT ON COLUMN scoring.outcome_metrics_history.replaced_by IS 'The login that measured again.';
CREATE INDEX outcome_metrics_history_by_run ON scoring.outcome_metrics_history (run_id, replaced_at);
