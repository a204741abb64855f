-- Scores and rejected rows, row by row, and what says which run a session writes.

-- A row has no job of its own: its run has. So no row can name another job than its run's, under which an erasure would
-- not find it.
CREATE TABLE scoring.prediction_rows (
    score_date   date             NOT NULL,
    run_id       bigint           NOT NULL,
    part         integer          NOT NULL,
    entity_id    text             NOT NULL,
    score        double precision NOT NULL CHECK (score > '-Infinity' AND score < 'Infinity'),
    label        text,
    -- A null among them gives neither true nor false, and NaN is greater than all.
    class_scores double precision[] CHECK (
        class_scores IS NULL OR ('Infinity' > ALL (class_scores) AND '-Infinity' < ALL (class_scores)) IS TRUE)
) PARTITION BY RANGE (score_date);
COMMENT ON TABLE scoring.prediction_rows IS
    'Scores of every run, published or not. Append-only; analysts read the view `predictions`.';
COMMENT ON COLUMN scoring.prediction_rows.score_date IS 'The day whose rows were scored.';
COMMENT ON COLUMN scoring.prediction_rows.run_id IS 'The run that wrote the row, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.prediction_rows.part IS
    'The number of the run''s part that has the row, as in `run_parts`.';
COMMENT ON COLUMN scoring.prediction_rows.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.prediction_rows.score IS
    'Binary: probability of the positive class. Multiclass: probability of the label. Regression: the value.';
COMMENT ON COLUMN scoring.prediction_rows.label IS 'The predicted class; null for a regression.';
COMMENT ON COLUMN scoring.prediction_rows.class_scores IS
    'Multiclass: a probability for every class, in the order of `model_classes`.';

-- A look-up of one entity reads a hundredth of a run: Bloom filters with room for all the rows of their pages.
-- `n_distinct_per_range` is a share of the 291 rows that a page can hold at most; our shortest rows come to some 120.
-- By default a filter covers 128 pages, of whose up to 12,000 entities it has room for a third: half of the table was
-- read.
CREATE INDEX prediction_rows_lookup ON scoring.prediction_rows
    USING brin (run_id, entity_id text_bloom_ops (n_distinct_per_range = -0.4)) WITH (pages_per_range = 16);

-- The views read each run by its number. BRIN on the number alone has one line of 24 bytes for 32 pages; over the
-- filters above, an aggregate of a run of 100,000 rows read 3,700 pages of index beside 12M rows of other runs, and
-- 1,300 of the run. Copying and covering 1M rows takes 1.01 times as long by the clock with it, and 1.09 times of the
-- server's processor (medians of six pairs on a busy machine). Narrower ranges cost more to skip, wider ones have more
-- rows of the neighbours in them: at most 62 pages so.
--
-- A look-up still reads the month's filters. What would read less costs more, in seconds of the server's processor per
-- 1M rows that are copied and covered (now 1.0 to 1.2): a b-tree on run_id and entity_id 1.6 in the order of entities,
-- 2.5 sorted part by part, 4.5 in no order; a hash index 2.5 to 2.7; 16 partitions a month by the hash of entity_id 1.9.
-- Partitions by day or run cost a query that names no date 33 microseconds and three locks each: eight analysts
-- at `latest_predictions` would need more locks than a server has.
CREATE INDEX prediction_rows_by_run ON scoring.prediction_rows USING brin (run_id) WITH (pages_per_range = 32);

-- Autovacuum frees the room of deleted rows at its next round, however few they are, as scoring.vacuum_soon has it do
-- for the partitions above.
CREATE TABLE scoring.rejected_rows (
    run_id      bigint  NOT NULL,
    part        integer NOT NULL,
    row_number  bigint  NOT NULL,
    entity_id   text,
    column_name text    NOT NULL,
    rule        text    NOT NULL,
    value       text
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX rejected_rows_by_run ON scoring.rejected_rows USING brin (run_id);
COMMENT ON TABLE scoring.rejected_rows IS
    'Every rule that every rejected row broke, and the rows on which the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.rejected_rows.part IS 'The number of the part whose rows it was read with.';
COMMENT ON COLUMN scoring.rejected_rows.row_number IS
    'Which row of the query''s result it was, counted from 0.';
COMMENT ON COLUMN scoring.rejected_rows.entity_id IS 'Which entity the row named; null where it named none.';
COMMENT ON COLUMN scoring.rejected_rows.column_name IS
    'The column whose value broke the rule; `(model)` where the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.rule IS
    'The rule of the contract that was broken; `model_error` where the model itself raised.';
COMMENT ON COLUMN scoring.rejected_rows.value IS
    'The value, or the exception''s type and text, until clean-up removes it.';

-- A setting could be changed between two rows by whoever inserts them. currval() of a sequence is a number that the
-- session remembers too, and only the sequence's owner can change it. Of its 63 bits the lower 20 are the score date, in
-- days since 1970: to ask for a second number costs as much again for every row that is copied.
CREATE SEQUENCE scoring.writing;
COMMENT ON SEQUENCE scoring.writing IS 'Its currval() is the run whose rows this session writes, and that run''s score date: see write_as.';

-- currval() outlives a subtransaction that is rolled back; the lock of the run does not. A function inside of an INSERT
-- could so leave the number of a run that it no longer held. What it cannot undo is a row that was written before the
-- INSERT began: so a transaction writes one run, and no second.
CREATE TABLE scoring.writers (
    transaction xid8   PRIMARY KEY,
    run_id      bigint NOT NULL
);
COMMENT ON TABLE scoring.writers IS
    'Which run each open transaction writes. Rows that others can see are of transactions that have ended.';
COMMENT ON COLUMN scoring.writers.transaction IS 'The number of the transaction.';
COMMENT ON COLUMN scoring.writers.run_id IS 'The run whose rows it writes.';
