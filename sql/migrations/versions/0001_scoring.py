"""The schema `scoring`: runs and their ledger, append-only predictions, the pointer to what is published."""

from alembic import op

revision = "0001"
down_revision = None

ROLES = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['scoring_writer', 'scoring_janitor', 'scoring_analyst'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$
"""

RUNS = """
CREATE TABLE scoring.scoring_runs (
    run_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job              text        NOT NULL,
    score_date       date        NOT NULL,
    status           text        NOT NULL DEFAULT 'running' CHECK (
        status IN ('running', 'held', 'published', 'superseded', 'abandoned', 'failed')),
    status_reason    text,
    trigger          text        NOT NULL,
    dry_run          boolean     NOT NULL,
    interval_start   timestamptz NOT NULL,
    interval_end     timestamptz NOT NULL,
    idempotency_key  text,
    model_name       text        NOT NULL,
    model_version    integer     NOT NULL,
    model_sha256     text        NOT NULL,
    code_version     text        NOT NULL,
    query_sha256     text        NOT NULL,
    job_sha256       text        NOT NULL,
    input_sha256     text,
    library_versions jsonb       NOT NULL,
    parts            integer,
    rows_extracted   bigint,
    rows_rejected    bigint,
    rows_scored      bigint,
    started_at       timestamptz NOT NULL DEFAULT now(),
    extracted_at     timestamptz,
    scored_at        timestamptz,
    published_at     timestamptz,
    decided_by       text,
    decision_reason  text,
    CHECK (status NOT IN ('published', 'superseded')
           OR (idempotency_key IS NOT NULL AND published_at IS NOT NULL AND rows_scored IS NOT NULL
               AND rows_extracted = rows_scored + rows_rejected AND NOT dry_run))
);
CREATE UNIQUE INDEX one_published_run ON scoring.scoring_runs (job, score_date) WHERE status = 'published';
CREATE INDEX runs_by_key ON scoring.scoring_runs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_night ON scoring.scoring_runs (job, score_date, run_id);
COMMENT ON TABLE scoring.scoring_runs IS
    'One row for every try at scoring one job for one score date; immutable once published.';

CREATE FUNCTION scoring.keep_published_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('published', 'superseded') AND (
        NEW.status NOT IN ('published', 'superseded')
        OR to_jsonb(NEW) - ARRAY['status', 'status_reason'] <> to_jsonb(OLD) - ARRAY['status', 'status_reason']
    ) THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.keep_published_run IS 'Refuses a change to a published run, save superseding it.';
CREATE TRIGGER keep_published_run BEFORE UPDATE ON scoring.scoring_runs
    FOR EACH ROW EXECUTE FUNCTION scoring.keep_published_run();

CREATE TABLE scoring.run_parts (
    run_id         bigint  NOT NULL REFERENCES scoring.scoring_runs,
    part           integer NOT NULL,
    rows_extracted bigint  NOT NULL,
    rows_rejected  bigint  NOT NULL,
    input_sha256   text    NOT NULL,
    rows_scored    bigint,
    scored_sha256  text,
    written_at     timestamptz,
    PRIMARY KEY (run_id, part),
    CHECK (rows_scored IS NULL OR rows_extracted = rows_scored + rows_rejected)
);
COMMENT ON TABLE scoring.run_parts IS
    'The ledger of a run, part by part: extracted = scored + rejected, and the SHA-256 of the part''s files.';

CREATE TABLE scoring.current_runs (
    job        text   NOT NULL,
    score_date date   NOT NULL,
    run_id     bigint NOT NULL REFERENCES scoring.scoring_runs,
    PRIMARY KEY (job, score_date)
);
COMMENT ON TABLE scoring.current_runs IS 'The pointer: which run `predictions` shows for a job and score date.';
"""

ROWS = """
CREATE TABLE scoring.prediction_rows (
    score_date   date             NOT NULL,
    job          text             NOT NULL,
    run_id       bigint           NOT NULL,
    part         integer          NOT NULL,
    entity_id    text             NOT NULL,
    score        double precision NOT NULL CHECK (score > '-Infinity' AND score < 'Infinity'),
    label        text,
    class_scores double precision[]
) PARTITION BY RANGE (score_date);
CREATE INDEX prediction_rows_lookup ON scoring.prediction_rows USING brin (run_id, entity_id text_bloom_ops);
COMMENT ON TABLE scoring.prediction_rows IS
    'Scores of every run, published or not. Append-only; analysts read the view `predictions`.';

CREATE TABLE scoring.rejected_rows (
    run_id      bigint  NOT NULL,
    part        integer NOT NULL,
    row_number  bigint  NOT NULL,
    entity_id   text,
    column_name text    NOT NULL,
    rule        text    NOT NULL,
    value       text
);
CREATE INDEX rejected_rows_by_run ON scoring.rejected_rows USING brin (run_id);
COMMENT ON TABLE scoring.rejected_rows IS
    'Every rule that every rejected row broke. row_number counts the rows of the query''s result from 0.';

CREATE TABLE scoring.run_metrics (
    run_id bigint           NOT NULL REFERENCES scoring.scoring_runs,
    metric text             NOT NULL,
    value  double precision NOT NULL,
    PRIMARY KEY (run_id, metric)
);
CREATE TABLE scoring.feature_metrics (
    run_id  bigint           NOT NULL REFERENCES scoring.scoring_runs,
    feature text             NOT NULL,
    metric  text             NOT NULL,
    value   double precision NOT NULL,
    PRIMARY KEY (run_id, feature, metric)
);
COMMENT ON TABLE scoring.run_metrics IS 'One number about one run: counts, seconds, memory, the scores'' spread.';
COMMENT ON TABLE scoring.feature_metrics IS
    'One number about one feature of one run: nulls, unknown categories, range.';

CREATE FUNCTION scoring.ensure_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    child text := 'prediction_rows_' || to_char(first, 'YYYYMM');
BEGIN
    IF to_regclass('scoring.' || child) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('scoring.' || child, 0));
    -- Not to_regclass again: it may remember, from the look above, that there is no such table.
    PERFORM FROM pg_class WHERE relname = child AND relnamespace = 'scoring'::regnamespace;
    IF FOUND THEN RETURN; END IF;
    -- ATTACH takes a lock that readers of the parent do not wait for; CREATE ... PARTITION OF takes one that they do.
    EXECUTE format('CREATE TABLE scoring.%I (LIKE scoring.prediction_rows INCLUDING ALL)', child);
    EXECUTE format('ALTER TABLE scoring.prediction_rows ATTACH PARTITION scoring.%I FOR VALUES FROM (%L) TO (%L)',
                   child, first, first + interval '1 month');
END $$;
COMMENT ON FUNCTION scoring.ensure_partition IS 'Makes the month''s partition of prediction_rows when it is missing.';

CREATE FUNCTION scoring.summarize(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM brin_summarize_new_values(index.indexrelid)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    JOIN pg_am AS am ON am.oid = class.relam
    WHERE index.indrelid = to_regclass('scoring.prediction_rows_' || to_char(day, 'YYYYMM')) AND am.amname = 'brin';
END $$;
COMMENT ON FUNCTION scoring.summarize IS 'Brings the month''s BRIN index up to date, so that look-ups skip blocks.';
"""

VIEWS = """
CREATE VIEW scoring.predictions AS
SELECT rows.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN scoring.prediction_rows AS rows
  ON rows.job = current.job AND rows.score_date = current.score_date AND rows.run_id = current.run_id;
COMMENT ON VIEW scoring.predictions IS
    'What analysts query: the scores of the published run of every job and score date, one row an entity.';
COMMENT ON COLUMN scoring.predictions.score IS
    'Binary: probability of the positive class. Multiclass: probability of the label. Regression: the value.';
COMMENT ON COLUMN scoring.predictions.label IS 'The predicted class; null for a regression.';
COMMENT ON COLUMN scoring.predictions.class_scores IS
    'Multiclass: a probability for every class, in the order of the classes in the model''s manifest.';
COMMENT ON COLUMN scoring.predictions.scored_at IS 'When the last part of the run had been scored and written.';

CREATE VIEW scoring.rejections AS
SELECT runs.job, runs.score_date, rejected.run_id, rejected.row_number, rejected.entity_id, rejected.column_name,
       rejected.rule
FROM scoring.rejected_rows AS rejected JOIN scoring.scoring_runs AS runs USING (run_id);
COMMENT ON VIEW scoring.rejections IS 'Which rows were not scored and why, without the values that broke the rules.';
"""

GRANTS = """
COMMENT ON TABLE scoring.alembic_version IS 'Which revision of sql/migrations this schema is at.';
GRANT USAGE ON SCHEMA scoring TO scoring_writer, scoring_janitor, scoring_analyst;
REVOKE EXECUTE ON FUNCTION scoring.ensure_partition, scoring.summarize FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.ensure_partition, scoring.summarize TO scoring_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA scoring TO scoring_writer, scoring_janitor;
GRANT INSERT ON scoring.scoring_runs, scoring.run_parts, scoring.current_runs, scoring.prediction_rows,
    scoring.rejected_rows, scoring.run_metrics, scoring.feature_metrics TO scoring_writer;
GRANT UPDATE ON scoring.scoring_runs, scoring.current_runs, scoring.run_metrics, scoring.feature_metrics
    TO scoring_writer;
GRANT UPDATE (rows_scored, scored_sha256, written_at) ON scoring.run_parts TO scoring_writer;
GRANT DELETE ON scoring.prediction_rows, scoring.rejected_rows TO scoring_janitor;
GRANT UPDATE ON scoring.scoring_runs TO scoring_janitor;
GRANT SELECT ON scoring.predictions, scoring.rejections, scoring.scoring_runs, scoring.run_parts,
    scoring.current_runs, scoring.run_metrics, scoring.feature_metrics TO scoring_analyst;
"""


def upgrade() -> None:
    """Make everything; a fresh database has no step before this one."""
    for statements in (ROLES, RUNS, ROWS, VIEWS, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: going back would throw every published score away."""
    raise NotImplementedError("the first revision is not undone; drop the schema by hand if you mean it")
