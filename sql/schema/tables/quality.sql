-- Since when a job's outcomes are worse than training's were, and whether people were told. Rights stand here, so that a
-- revision can run this file.

CREATE TABLE scoring.quality_incidents (
    job           text    NOT NULL,
    began_on      date    NOT NULL,
    ended_on      date,
    model_name    text    NOT NULL,
    model_version integer NOT NULL,
    told          text[]  NOT NULL DEFAULT '{}',
    PRIMARY KEY (job, began_on, model_version),
    CHECK (ended_on >= began_on)
);
COMMENT ON TABLE scoring.quality_incidents IS
    'Times in which a job''s outcomes were worse than in training, by a test at a stated rate of false alarms.';
COMMENT ON COLUMN scoring.quality_incidents.job IS 'The job''s name.';
COMMENT ON COLUMN scoring.quality_incidents.began_on IS 'The score date on which the evidence reached its limit.';
COMMENT ON COLUMN scoring.quality_incidents.ended_on IS
    'The score date on which it was over; null while it lasts.';
COMMENT ON COLUMN scoring.quality_incidents.model_name IS 'The model that scored.';
COMMENT ON COLUMN scoring.quality_incidents.model_version IS 'Its registered version.';
COMMENT ON COLUMN scoring.quality_incidents.told IS
    'Which of `began` and `ended` people have a message of; and the DAG run that had a candidate trained for it.';
CREATE UNIQUE INDEX quality_incidents_open ON scoring.quality_incidents (job) WHERE ended_on IS NULL;

-- Not an advisory lock, which any role may take and keep.
CREATE FUNCTION scoring.lock_quality() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE scoring.quality_incidents IN SHARE UPDATE EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION scoring.lock_quality IS
    'Lets one session at a time compute what measured days say together, until its transaction ends.';

-- Enters what the days of a job say together; each is a metric of its run, and replaces what was said before.
CREATE FUNCTION scoring.enter_quality(of_job text, run_ids bigint[], metrics text[], numbers double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM unnest(metrics, numbers) AS found (metric, number)
    WHERE (found.metric IN ('quality_evidence', 'quality_alarm', 'quality_reference')
           AND found.number > '-Infinity' AND found.number < 'Infinity') IS NOT TRUE;
    IF FOUND THEN
        RAISE EXCEPTION 'the quality of % is quality_evidence, quality_alarm and quality_reference, finite numbers', of_job
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What was thrown away does not come back, and whoever throws it away waits.
    PERFORM FROM scoring.scoring_runs AS run
    WHERE run.run_id = ANY (run_ids) AND run.job = of_job AND run.published_at IS NOT NULL
      AND run.metrics_pruned_at IS NULL
    ORDER BY run.run_id FOR NO KEY UPDATE;
    DELETE FROM scoring.outcome_metrics AS earlier USING scoring.scoring_runs AS run
    WHERE earlier.run_id = ANY (run_ids) AND run.run_id = earlier.run_id AND run.job = of_job
      AND earlier.slice_column = ''
      AND earlier.metric IN ('quality_evidence', 'quality_alarm', 'quality_reference');
    INSERT INTO scoring.outcome_metrics (run_id, slice_column, slice_value, metric, value)
    SELECT run.run_id, '', '', found.metric, found.number
    FROM unnest(run_ids, metrics, numbers) AS found (run_id, metric, number)
    JOIN scoring.scoring_runs AS run ON run.run_id = found.run_id
    WHERE run.job = of_job AND run.published_at IS NOT NULL AND run.metrics_pruned_at IS NULL;
END $$;
COMMENT ON FUNCTION scoring.enter_quality IS
    'Enters what a job''s measured days say together of its quality, as metrics of their runs, in place of what was '
    'entered before.';

REVOKE ALL ON FUNCTION scoring.lock_quality, scoring.enter_quality FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.lock_quality, scoring.enter_quality TO scoring_writer;
GRANT SELECT ON scoring.quality_incidents TO scoring_writer;
GRANT INSERT (job, began_on, model_name, model_version) ON scoring.quality_incidents TO scoring_writer;
GRANT UPDATE (ended_on, told) ON scoring.quality_incidents TO scoring_writer;
