"""Metrics, too, have their time, where a job says so: `[retention] metrics_days`."""

from alembic import op

revision = "0015"
down_revision = "0014"

COLUMNS = """
ALTER TABLE scoring.retention ADD COLUMN metrics_days integer CHECK (metrics_days >= 1);
COMMENT ON COLUMN scoring.retention.metrics_days IS 'Null: metrics are kept for ever.';
ALTER TABLE scoring.scoring_runs ADD COLUMN metrics_pruned_at timestamptz;
COMMENT ON COLUMN scoring.scoring_runs.metrics_pruned_at IS
    'When its metrics, profiles and outcomes went, and the messages about it that had been sent.';

-- To list what would go, the janitor counts rows; it reads none of their figures.
REVOKE ALL ON scoring.profiles FROM scoring_janitor;
GRANT SELECT (run_id) ON scoring.run_metrics, scoring.feature_metrics, scoring.profiles, scoring.outcome_metrics,
    scoring.outcome_metrics_history TO scoring_janitor;
"""

KEPT = """
CREATE OR REPLACE FUNCTION scoring.keep_published_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    may_change CONSTANT text[] := ARRAY['status', 'status_reason', 'status_since', 'expired_at', 'rows_pruned_at',
                                        'parts_pruned_at', 'rejected_pruned_at', 'metrics_pruned_at'];
BEGIN
    IF OLD.status IN ('published', 'superseded') AND (
        NEW.status NOT IN ('published', 'superseded') OR to_jsonb(NEW) - may_change <> to_jsonb(OLD) - may_change
    ) THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id;
    END IF;
    RETURN NEW;
END $$;
"""

# A run that analysts see, or could be rolled back to, has its rows; so its metrics stay, whatever the days.
METRICS = """
CREATE FUNCTION scoring.metrics_due(run scoring.scoring_runs) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT $1.metrics_pruned_at IS NULL AND $1.rows_pruned_at IS NOT NULL
           AND $1.started_at < now() - make_interval(days => kept.metrics_days)
        FROM scoring.retention AS kept WHERE kept.job = $1.job), false)
$$;
COMMENT ON FUNCTION scoring.metrics_due IS
    'Whether a run''s metrics have had their time, by the job''s row in `retention`: not before its scores have gone.';

CREATE FUNCTION scoring.expire_metrics(run bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    entry scoring.scoring_runs;
    place text;
    deleted bigint;
    gone bigint := 0;
BEGIN
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run;
    PERFORM scoring.lock_night(entry.job, entry.score_date);
    -- Whoever measures outcomes waits, and sees what was done.
    SELECT * INTO STRICT entry FROM scoring.scoring_runs WHERE run_id = run FOR UPDATE;
    IF NOT scoring.metrics_due(entry) THEN RETURN 0; END IF;
    FOREACH place IN ARRAY ARRAY['run_metrics', 'feature_metrics', 'profiles', 'outcome_metrics',
                                 'outcome_metrics_history'] LOOP
        EXECUTE format('DELETE FROM scoring.%I WHERE run_id = $1', place) USING run;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        gone := gone + deleted;
    END LOOP;
    -- Their text went when they were sent. What this run was about is not told again: nobody goes on with it.
    DELETE FROM scoring.alerts AS alert USING scoring.retention AS kept
    WHERE alert.run_id = run AND kept.job = entry.job
      AND alert.sent_at < now() - make_interval(days => kept.metrics_days);
    UPDATE scoring.scoring_runs SET metrics_pruned_at = now() WHERE run_id = run;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.expire_metrics IS
    'Deletes a run''s metrics, profiles and outcomes, which have had their time; returns how many rows went.';

-- What was thrown away does not come back.
CREATE OR REPLACE FUNCTION scoring.replace_outcomes(
    of_run bigint, slice_columns text[], slice_values text[], metrics text[], numbers double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pruned timestamptz;
BEGIN
    -- Two that measure the same run come one after the other.
    SELECT metrics_pruned_at INTO pruned FROM scoring.scoring_runs
    WHERE run_id = of_run AND published_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, so nobody acted on its scores', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF pruned IS NOT NULL THEN
        RAISE EXCEPTION 'the metrics of run % had their time on %, it takes no more', of_run, pruned::date
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM unnest(numbers) AS number WHERE (number > '-Infinity' AND number < 'Infinity') IS NOT TRUE;
    IF FOUND THEN
        RAISE EXCEPTION 'the outcomes of run %: every one has to be a finite number', of_run
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WITH replaced AS (
        DELETE FROM scoring.outcome_metrics WHERE run_id = of_run
        RETURNING run_id, slice_column, slice_value, metric, value, measured_at
    )
    INSERT INTO scoring.outcome_metrics_history
        (run_id, slice_column, slice_value, metric, value, measured_at, replaced_at, replaced_by)
    SELECT replaced.*, now(), session_user FROM replaced;
    INSERT INTO scoring.outcome_metrics (run_id, slice_column, slice_value, metric, value)
    SELECT of_run, found.* FROM unnest(slice_columns, slice_values, metrics, numbers) AS found;
END $$;

REVOKE EXECUTE ON FUNCTION scoring.metrics_due, scoring.expire_metrics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.metrics_due, scoring.expire_metrics TO scoring_janitor;
"""


def upgrade() -> None:
    """Add the days, the rule, and what goes by it; nothing goes before a job's file says so."""
    for statements in (COLUMNS, KEPT, METRICS):
        op.execute(statements)


def downgrade() -> None:
    """Refuse: what went by these days does not come back."""
    raise NotImplementedError("metrics that went do not come back; restore a backup if you mean it")
