-- How a published run's scores fared against the real results: the one way to enter it.

-- What was thrown away does not come back.
CREATE FUNCTION scoring.replace_outcomes(
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
COMMENT ON FUNCTION scoring.replace_outcomes IS
    'Enters the outcome metrics of a published run, and moves those that were measured before into the history.';
