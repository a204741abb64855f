-- Numbers about runs: their own, their columns' histograms, and how their scores fared against the real results.

CREATE TABLE scoring.run_metrics (
    run_id bigint           NOT NULL REFERENCES scoring.scoring_runs,
    metric text             NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (run_id, metric)
);
COMMENT ON TABLE scoring.run_metrics IS
    'One number about one run: counts, seconds, memory, the scores'' spread.';
COMMENT ON COLUMN scoring.run_metrics.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.run_metrics.metric IS
    'What was measured, such as `rows_scored`, `score_mean` or `seconds`.';
COMMENT ON COLUMN scoring.run_metrics.value IS 'The number.';

CREATE TABLE scoring.feature_metrics (
    run_id  bigint           NOT NULL REFERENCES scoring.scoring_runs,
    feature text             NOT NULL,
    metric  text             NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (run_id, feature, metric)
);
COMMENT ON TABLE scoring.feature_metrics IS
    'One number about one feature of one run: nulls, unknown categories, range.';
COMMENT ON COLUMN scoring.feature_metrics.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.feature_metrics.feature IS 'The feature: a column of the job''s query.';
COMMENT ON COLUMN scoring.feature_metrics.metric IS
    'What was measured, such as `missing_share`, `psi` or `unusualness`.';
COMMENT ON COLUMN scoring.feature_metrics.value IS 'The number.';

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
COMMENT ON COLUMN scoring.profiles.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.profiles.column_name IS 'The feature; empty for the score.';
COMMENT ON COLUMN scoring.profiles.bin IS 'The bin''s place: bins of numbers ascend, and null is the last.';
COMMENT ON COLUMN scoring.profiles.label IS 'What is in the bin: a range, a category, other, null, present.';
COMMENT ON COLUMN scoring.profiles.count IS 'How many of the rows are in the bin.';

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
    'One number about how one published run''s scores compare with their outcomes, of all entities or of one '
    'group. Measuring again replaces all the numbers of a run; `outcome_metrics_history` keeps the old ones.';
COMMENT ON COLUMN scoring.outcome_metrics.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_column IS
    'The feature whose values make the groups; empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.slice_value IS
    'The feature''s value, as text; null where it is missing, empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics.metric IS
    'What was measured, such as `coverage`, `roc_auc` or `recall_low`. A prefix tells `skill:`, `business:`, '
    '`training:` and other families apart.';
COMMENT ON COLUMN scoring.outcome_metrics.value IS 'The number.';
COMMENT ON COLUMN scoring.outcome_metrics.measured_at IS 'When the outcomes were read.';

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
COMMENT ON COLUMN scoring.outcome_metrics_history.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.outcome_metrics_history.slice_column IS
    'The feature whose values make the groups; empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics_history.slice_value IS
    'The feature''s value, as text; null where it is missing, empty for all entities together.';
COMMENT ON COLUMN scoring.outcome_metrics_history.metric IS 'What was measured, as in `outcome_metrics`.';
COMMENT ON COLUMN scoring.outcome_metrics_history.value IS 'The number.';
COMMENT ON COLUMN scoring.outcome_metrics_history.measured_at IS 'When the outcomes were read.';
COMMENT ON COLUMN scoring.outcome_metrics_history.replaced_at IS 'When it was measured again.';
COMMENT ON COLUMN scoring.outcome_metrics_history.replaced_by IS 'The login that measured again.';
CREATE INDEX outcome_metrics_history_by_run ON scoring.outcome_metrics_history (run_id, replaced_at);
