"""Fallback: a failed night may be served by other scores, marked as such in every row and every run."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = """
ALTER TABLE scoring.scoring_runs
    ADD COLUMN source_run_id bigint REFERENCES scoring.scoring_runs,
    ADD COLUMN staleness_days integer NOT NULL DEFAULT 0 CHECK (staleness_days >= 0),
    ADD CHECK ((served_by = 'last_published') = (source_run_id IS NOT NULL)),
    ADD CHECK ((served_by = 'last_published') = (staleness_days > 0));
COMMENT ON COLUMN scoring.scoring_runs.source_run_id IS 'last_published: the run whose scores are served again.';
COMMENT ON COLUMN scoring.scoring_runs.staleness_days IS 'How many days before the score date the rows were scored.';
"""

# Columns are added at the end: what stood before keeps its place.
VIEWS = """
CREATE OR REPLACE VIEW scoring.predictions AS
SELECT rows.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN scoring.prediction_rows AS rows
  ON rows.job = current.job AND rows.score_date = current.score_date AND rows.run_id = current.run_id;
COMMENT ON COLUMN scoring.predictions.served_by IS
    'model: scored for this night. last_published, champion_previous: the night failed, and its job''s fallback serves '
    'the last published scores, or those of the champion''s predecessor.';
COMMENT ON COLUMN scoring.predictions.staleness_days IS
    'How many days before score_date the row was scored; 0 but for last_published.';

CREATE VIEW scoring.past_predictions AS
SELECT rows.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.scoring_runs AS runs
JOIN scoring.prediction_rows AS rows
  ON rows.job = runs.job AND rows.score_date = runs.score_date AND rows.run_id = runs.run_id
WHERE runs.published_at IS NOT NULL AND runs.expired_at IS NULL;
COMMENT ON VIEW scoring.past_predictions IS
    'The scores of every run that was ever published, until clean-up: with `publications`, what was shown when.';
GRANT SELECT ON scoring.past_predictions TO scoring_analyst;
"""

SERVE = """
CREATE FUNCTION scoring.serve_last_published(
    job text, score_date date, trigger text, reason text,
    OUT served bigint, OUT source bigint, OUT refusal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    night text := format('%s %s', job, to_char(score_date, 'YYYY-MM-DD'));
    last scoring.scoring_runs;
BEGIN
    PERFORM scoring.ensure_partition(score_date);
    PERFORM scoring.lock_night(job, score_date);
    -- Of nights that were scored themselves: a fallback of a fallback would hide how old its rows are.
    SELECT run.* INTO last FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run USING (run_id)
    WHERE current.job = $1 AND current.score_date < $2 AND run.staleness_days = 0
    ORDER BY current.score_date DESC LIMIT 1;
    IF NOT FOUND THEN
        refusal := format('%s: no earlier night is published that could be served again', night); RETURN;
    END IF;
    source := last.run_id;
    SELECT run.run_id INTO served FROM scoring.current_runs AS current JOIN scoring.scoring_runs AS run USING (run_id)
    WHERE current.job = $1 AND current.score_date = $2 AND run.source_run_id = source;
    IF FOUND THEN RETURN; END IF;
    INSERT INTO scoring.scoring_runs (
        job, score_date, trigger, dry_run, interval_start, interval_end, idempotency_key, model_name, model_version,
        model_sha256, model_named, code_version, query_sha256, job_sha256, input_sha256, library_versions, parts,
        rows_extracted, rows_rejected, rows_scored, extracted_at, scored_at, parts_pruned_at, served_by, source_run_id,
        staleness_days)
    VALUES (
        last.job, $2, $3, false, last.interval_start, last.interval_end,
        encode(sha256(convert_to(format('%s served again as %s', last.run_id, night), 'UTF8')), 'hex'),
        last.model_name, last.model_version, last.model_sha256, true, last.code_version, last.query_sha256,
        last.job_sha256, last.input_sha256, last.library_versions, last.parts, last.rows_extracted, last.rows_rejected,
        last.rows_scored, last.extracted_at, last.scored_at, now(), 'last_published', last.run_id,
        $2 - last.score_date)
    RETURNING scoring_runs.run_id INTO served;
    INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_erased, input_sha256,
                                   rows_scored, scored_sha256, written_at)
    SELECT served, part, rows_extracted, rows_rejected, rows_erased, input_sha256, rows_scored, scored_sha256,
           written_at
    FROM scoring.run_parts WHERE run_id = last.run_id;
    PERFORM scoring.write_as(served);
    INSERT INTO scoring.prediction_rows (score_date, job, run_id, part, entity_id, score, label, class_scores)
    SELECT $2, rows.job, served, rows.part, rows.entity_id, rows.score, rows.label, rows.class_scores
    FROM scoring.prediction_rows AS rows WHERE rows.score_date = last.score_date AND rows.run_id = last.run_id;
    SELECT CASE WHEN done.outcome <> 'published' THEN format('%s: %s', night, done.said) END INTO refusal
    FROM scoring.publish(served, NULL, reason) AS done;
END $$;
COMMENT ON FUNCTION scoring.serve_last_published IS
    'Publishes the scores of the last published night again, as those of a night that failed: a run of its own, marked '
    'with where its rows come from and how old they are. Says why not.';

REVOKE EXECUTE ON FUNCTION scoring.serve_last_published FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.serve_last_published TO scoring_writer;
"""


def upgrade() -> None:
    """Add what marks a fallback, and what serves it."""
    for statements in (COLUMNS, VIEWS, SERVE):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: stale scores would no longer say that they are."""
    raise NotImplementedError("the marks are not undone; restore a backup if you mean it")
