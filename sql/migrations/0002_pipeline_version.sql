-- The version of the product that scored stands beside the digest of its code. A fallback that serves a run again names
-- the version that had scored it. A database that 0001 has just made has all of this: nothing here fails twice.
ALTER TABLE scoring.scoring_runs ADD COLUMN IF NOT EXISTS pipeline_version text;
COMMENT ON COLUMN scoring.scoring_runs.pipeline_version IS
    'Version of the product that scored; null of runs before 0.1.0, which did not note it.';
GRANT INSERT (pipeline_version) ON scoring.scoring_runs TO scoring_writer;

CREATE OR REPLACE FUNCTION scoring.serve_last_published(
    job text, score_date date, trigger text, reason text,
    OUT served bigint, OUT source bigint, OUT refusal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    night text := format('%s %s', job, to_char(score_date, 'YYYY-MM-DD'));
    last scoring.scoring_runs;
BEGIN
    -- Where it is day already, the next day has begun. A night to come would hide those before it.
    IF score_date > (now() AT TIME ZONE 'UTC')::date + 1 THEN
        refusal := format('%s: the night has not come yet, so it cannot have failed', night); RETURN;
    END IF;
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
        staleness_days, pipeline_version)
    VALUES (
        last.job, $2, $3, false, last.interval_start, last.interval_end,
        encode(sha256(convert_to(format('%s served again as %s', last.run_id, night), 'UTF8')), 'hex'),
        last.model_name, last.model_version, last.model_sha256, true, last.code_version, last.query_sha256,
        last.job_sha256, last.input_sha256, last.library_versions, last.parts, last.rows_extracted, last.rows_rejected,
        last.rows_scored, last.extracted_at, last.scored_at, now(), 'last_published', last.run_id,
        $2 - last.score_date, last.pipeline_version)
    RETURNING scoring_runs.run_id INTO served;
    INSERT INTO scoring.run_parts (run_id, part, rows_extracted, rows_rejected, rows_erased, input_sha256,
                                   rows_scored, scored_sha256, written_at)
    SELECT served, part, rows_extracted, rows_rejected, rows_erased, input_sha256, rows_scored, scored_sha256,
           written_at
    FROM scoring.run_parts WHERE run_id = last.run_id;
    PERFORM scoring.write_as(served);
    INSERT INTO scoring.prediction_rows (score_date, run_id, part, entity_id, score, label, class_scores)
    SELECT $2, served, rows.part, rows.entity_id, rows.score, rows.label, rows.class_scores
    FROM scoring.prediction_rows AS rows WHERE rows.score_date = last.score_date AND rows.run_id = last.run_id;
    SELECT CASE WHEN done.outcome <> 'published' THEN format('%s: %s', night, done.said) END INTO refusal
    FROM scoring.publish(served, NULL, reason) AS done;
END $$;
