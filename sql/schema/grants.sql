-- What each role may do, and what nobody may.

-- Whoever may create something in a database, if only a temporary one, may have others' code run on it.
DO $$
DECLARE
    base text := current_database();
    may CONSTANT boolean := (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = base);
    roles CONSTANT text := 'PUBLIC, scoring_writer, scoring_janitor, scoring_job_analyst, scoring_analyst';
BEGIN
    IF may THEN
        EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM %s', base, roles);
        EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %s', roles);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO scoring_writer, scoring_janitor, scoring_job_analyst', base);
    ELSIF has_database_privilege('public', base, 'TEMPORARY') OR has_database_privilege('public', base, 'CREATE') THEN
        RAISE EXCEPTION 'every role may make objects in database %, and % does not own it. Have its owner run: '
            'REVOKE CREATE, TEMPORARY ON DATABASE % FROM PUBLIC', base, current_user, quote_ident(base)
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

-- Without IN SCHEMA: what is taken from PUBLIC there does not count against what it has everywhere.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA scoring FROM PUBLIC;
GRANT USAGE ON SCHEMA scoring
    TO scoring_writer, scoring_approver, scoring_janitor, scoring_job_analyst, scoring_analyst;

-- The pipeline. What a run is of never changes after it began; how it goes does. A run's id, status, times and author
-- are not given by whoever begins it: a later id would publish before all others.
GRANT SELECT ON scoring.alembic_version, scoring.identity, scoring.scoring_runs, scoring.run_parts,
    scoring.current_runs, scoring.publications, scoring.decisions, scoring.decisions_head, scoring.prediction_rows,
    scoring.rejected_rows, scoring.run_metrics, scoring.feature_metrics, scoring.profiles, scoring.outcome_metrics,
    scoring.outcome_metrics_history, scoring.retention, scoring.erasures, scoring.rewrites, scoring.alerts,
    scoring.predictions, scoring.latest_predictions, scoring.rejections, scoring.findings, scoring.drift_history,
    scoring.model_quality TO scoring_writer;
GRANT SELECT ON SEQUENCE scoring.scoring_runs_run_id_seq, scoring.writing TO scoring_writer;
GRANT INSERT (job, score_date, trigger, triggered_by, attempt, dry_run, interval_start, interval_end, served_by,
              idempotency_key, model_name, model_version, model_sha256, model_named, code_version, query_sha256,
              job_sha256, input_sha256, library_versions, pipeline_version, ready_sha256, parts, rows_extracted,
              rows_rejected, rows_scored)
    ON scoring.scoring_runs TO scoring_writer;
GRANT UPDATE (status, status_reason, idempotency_key, input_sha256, parts, rows_extracted, rows_rejected, rows_scored,
              extracted_at, scored_at, findings) ON scoring.scoring_runs TO scoring_writer;
GRANT INSERT ON scoring.run_parts, scoring.prediction_rows, scoring.rejected_rows, scoring.run_metrics,
    scoring.feature_metrics, scoring.profiles, scoring.alerts TO scoring_writer;
GRANT UPDATE (rows_scored, scored_sha256, written_at) ON scoring.run_parts TO scoring_writer;
GRANT UPDATE (value) ON scoring.run_metrics, scoring.feature_metrics TO scoring_writer;
GRANT UPDATE (label, count) ON scoring.profiles TO scoring_writer;
-- What a message was about stays; how it was sent is noted, and its text goes with that.
GRANT UPDATE (body, repeated, reached, tries, sent_at, last_error) ON scoring.alerts TO scoring_writer;
GRANT EXECUTE ON FUNCTION scoring.acts_as_owner, scoring.require_date, scoring.lock_night, scoring.write_as,
    scoring.claim_part, scoring.ensure_partition, scoring.summarize, scoring.analyze, scoring.older_model,
    scoring.publish, scoring.serve_last_published, scoring.replace_outcomes TO scoring_writer;

-- Whoever decides on a held run, or rolls back.
GRANT SELECT ON scoring.identity, scoring.scoring_runs, scoring.run_parts, scoring.current_runs, scoring.publications,
    scoring.decisions, scoring.decisions_head, scoring.erasures, scoring.prediction_rows, scoring.run_metrics,
    scoring.feature_metrics, scoring.outcome_metrics, scoring.findings TO scoring_approver;
GRANT SELECT (run_id, column_name, rule) ON scoring.rejected_rows TO scoring_approver;
GRANT SELECT ON SEQUENCE scoring.scoring_runs_run_id_seq TO scoring_approver;
GRANT EXECUTE ON FUNCTION scoring.approve, scoring.reject, scoring.roll_back TO scoring_approver;

-- Clean-up and erasure, through functions alone. To list what would go, the janitor counts rows; it reads none of their
-- figures.
GRANT SELECT ON scoring.identity, scoring.scoring_runs, scoring.run_parts, scoring.retention, scoring.erasures,
    scoring.rewrites, scoring.findings TO scoring_janitor;
GRANT SELECT (run_id) ON scoring.rejected_rows, scoring.run_metrics, scoring.feature_metrics, scoring.profiles,
    scoring.outcome_metrics, scoring.outcome_metrics_history TO scoring_janitor;
GRANT SELECT ON SEQUENCE scoring.scoring_runs_run_id_seq TO scoring_janitor;
GRANT EXECUTE ON FUNCTION scoring.in_work, scoring.is_open, scoring.rows_due, scoring.parts_due, scoring.rejected_due,
    scoring.metrics_due, scoring.begin_cleanup, scoring.expire, scoring.expire_parts, scoring.expire_metrics,
    scoring.find_rows, scoring.delete_rows, scoring.plan_rewrite, scoring.settle_rewrite, scoring.erase
    TO scoring_janitor;

-- Analysts, of some jobs or of every one: the policies and the views' conditions say which rows.
GRANT SELECT ON scoring.predictions, scoring.latest_predictions, scoring.past_predictions, scoring.rejections,
    scoring.findings, scoring.drift_history, scoring.model_quality, scoring.my_jobs, scoring.scoring_runs,
    scoring.run_parts, scoring.current_runs, scoring.publications, scoring.run_metrics, scoring.feature_metrics,
    scoring.profiles, scoring.outcome_metrics TO scoring_job_analyst;
