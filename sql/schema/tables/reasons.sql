-- Why entities got their scores: what became of a run's explanation, the reasons themselves, and what each column
-- contributes in all. Rights stand here and in views/reasons.sql, so that a revision can run these files.

CREATE TABLE scoring.explanations (
    run_id            bigint           PRIMARY KEY REFERENCES scoring.scoring_runs,
    status            text             NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'explained', 'incomplete', 'failed')),
    reason            text             CHECK ((reason IS NULL) = (status IN ('running', 'explained'))),
    settings          jsonb            NOT NULL,
    background_sha256 text             CHECK (background_sha256 ~ '^[0-9a-f]{64}$'),
    wanted            bigint           CHECK (wanted >= 0),
    explained         bigint           CHECK (explained >= 0),
    largest_gap       double precision CHECK (largest_gap >= 0),
    began_at          timestamptz      NOT NULL DEFAULT now(),
    ended_at          timestamptz,
    earlier           jsonb
);
COMMENT ON TABLE scoring.explanations IS
    'What became of the last try at a run''s reasons: one row a run whose job has a section [reasons].';
COMMENT ON COLUMN scoring.explanations.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.explanations.status IS
    '`running`, `explained`, `failed`, or `incomplete` where some entities have no reasons, or those of the try before.';
COMMENT ON COLUMN scoring.explanations.reason IS 'Why it failed, or is incomplete.';
COMMENT ON COLUMN scoring.explanations.settings IS
    'What the job file said: top, orders and groups; and the least score, or the run before, that its rows came to.';
COMMENT ON COLUMN scoring.explanations.background_sha256 IS
    'SHA-256 of the training rows with which contributions are compared.';
COMMENT ON COLUMN scoring.explanations.wanted IS 'Entities that were to get reasons.';
COMMENT ON COLUMN scoring.explanations.explained IS 'Of these, entities whose score was explained.';
COMMENT ON COLUMN scoring.explanations.largest_gap IS
    'The most by which base and contributions together miss a score on its scale, relative where that is above 1.';
COMMENT ON COLUMN scoring.explanations.began_at IS 'When the try began.';
COMMENT ON COLUMN scoring.explanations.ended_at IS 'When it ended; null while it runs.';
COMMENT ON COLUMN scoring.explanations.earlier IS
    'While it runs: how the try before explained the run, whose reasons stay unless this one has more.';

-- Autovacuum frees the room of deleted rows at its next round, however few they are.
CREATE TABLE scoring.reasons (
    run_id       bigint           NOT NULL,
    part         integer          NOT NULL,
    entity_id    text             NOT NULL,
    rank         integer          NOT NULL CHECK (rank > 0),
    column_name  text             NOT NULL,
    value        text,
    contribution double precision NOT NULL CHECK (contribution > '-Infinity' AND contribution < 'Infinity'),
    error        double precision NOT NULL CHECK (error >= 0 AND error < 'Infinity'),
    is_certain   boolean          NOT NULL,
    base         double precision NOT NULL CHECK (base > '-Infinity' AND base < 'Infinity'),
    others       double precision NOT NULL CHECK (others > '-Infinity' AND others < 'Infinity'),
    PRIMARY KEY (run_id, entity_id, rank)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
COMMENT ON TABLE scoring.reasons IS
    'The columns that moved a score most, of every run that was explained, published or not; analysts read '
    '`prediction_reasons`.';
COMMENT ON COLUMN scoring.reasons.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.reasons.part IS 'The number of the run''s part that has the entity, as in `run_parts`.';
COMMENT ON COLUMN scoring.reasons.entity_id IS 'What was scored, as the job''s query names it.';
COMMENT ON COLUMN scoring.reasons.rank IS '1 for the largest contribution, whatever its sign.';
COMMENT ON COLUMN scoring.reasons.column_name IS 'The feature, or the group of features that move together.';
COMMENT ON COLUMN scoring.reasons.value IS 'Its value, as text; null where it has none, or the job keeps no values.';
COMMENT ON COLUMN scoring.reasons.contribution IS
    'By how much it moved the score, on the score''s scale: log odds of a probability, or a regression''s units.';
COMMENT ON COLUMN scoring.reasons.error IS
    'Standard error of the contribution: what other training rows and orders would change it by.';
COMMENT ON COLUMN scoring.reasons.is_certain IS
    'Whether its rank is beyond chance, in 19 of 20 cases: larger than the next, smaller than the one before.';
COMMENT ON COLUMN scoring.reasons.base IS 'What the contributions begin with: the mean of the background, on that scale.';
COMMENT ON COLUMN scoring.reasons.others IS
    'The sum of all the entity''s contributions that are not listed: base, contributions and others are the score.';

CREATE TABLE scoring.contributions (
    run_id         bigint           NOT NULL,
    column_name    text             NOT NULL,
    slice          text             NOT NULL,
    slice_value    text             NOT NULL,
    entities       bigint           NOT NULL CHECK (entities > 0),
    mean           double precision NOT NULL CHECK (mean > '-Infinity' AND mean < 'Infinity'),
    mean_size      double precision NOT NULL CHECK (mean_size >= 0 AND mean_size < 'Infinity'),
    training_size  double precision CHECK (training_size >= 0 AND training_size < 'Infinity'),
    PRIMARY KEY (run_id, column_name, slice, slice_value)
);
COMMENT ON TABLE scoring.contributions IS
    'What each column contributes to a run''s scores: in all, and by the values of the job''s slices.';
COMMENT ON COLUMN scoring.contributions.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.contributions.column_name IS 'The feature, or the group of features that move together.';
COMMENT ON COLUMN scoring.contributions.slice IS 'The slice; empty for all entities that were explained.';
COMMENT ON COLUMN scoring.contributions.slice_value IS 'The slice''s value; empty for all, and where it has none.';
COMMENT ON COLUMN scoring.contributions.entities IS 'Entities that were explained.';
COMMENT ON COLUMN scoring.contributions.mean IS 'Their mean contribution: which way the column moves them.';
COMMENT ON COLUMN scoring.contributions.mean_size IS 'The mean of the contribution''s size, whatever its sign.';
COMMENT ON COLUMN scoring.contributions.training_size IS
    'The same over rows of training; null of a slice.';

-- EXPLAIN shows what ANALYZE keeps, of the jobs too that an analyst may not see.
ALTER TABLE scoring.explanations
    ALTER reason SET STATISTICS 0, ALTER settings SET STATISTICS 0, ALTER background_sha256 SET STATISTICS 0,
    ALTER wanted SET STATISTICS 0, ALTER explained SET STATISTICS 0, ALTER largest_gap SET STATISTICS 0,
    ALTER began_at SET STATISTICS 0, ALTER ended_at SET STATISTICS 0, ALTER earlier SET STATISTICS 0;
ALTER TABLE scoring.reasons
    ALTER part SET STATISTICS 0, ALTER entity_id SET STATISTICS 0, ALTER rank SET STATISTICS 0, ALTER column_name SET STATISTICS 0,
    ALTER value SET STATISTICS 0, ALTER contribution SET STATISTICS 0, ALTER error SET STATISTICS 0,
    ALTER is_certain SET STATISTICS 0, ALTER base SET STATISTICS 0, ALTER others SET STATISTICS 0;
ALTER TABLE scoring.contributions
    ALTER column_name SET STATISTICS 0, ALTER slice SET STATISTICS 0, ALTER slice_value SET STATISTICS 0,
    ALTER entities SET STATISTICS 0, ALTER mean SET STATISTICS 0, ALTER mean_size SET STATISTICS 0,
    ALTER training_size SET STATISTICS 0;

-- A run's row is locked for a moment only: whoever publishes it, or throws it away, waits no longer than that.
CREATE FUNCTION scoring.begin_reasons(of_run bigint, settings jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO entry FROM scoring.scoring_runs WHERE run_id = of_run FOR NO KEY UPDATE;
    IF entry.status IS NULL OR entry.status NOT IN ('published', 'superseded', 'held')
       OR entry.served_by = 'last_published' THEN
        RETURN format('it is %s%s. Only a run that a model has scored, and that is or was published, or is held, gets '
                      'reasons.', coalesce(entry.status, 'unknown'),
                      CASE WHEN entry.served_by = 'last_published' THEN ', with the scores of a former date' END);
    ELSIF entry.parts_pruned_at IS NOT NULL OR entry.expired_at IS NOT NULL THEN
        RETURN 'its parts have had their time.';
    END IF;
    PERFORM FROM scoring.explanations AS done
    WHERE done.run_id = of_run AND done.status = 'explained' AND done.settings = begin_reasons.settings;
    IF FOUND THEN
        RETURN 'it has its reasons.';
    END IF;
    INSERT INTO scoring.explanations (run_id, settings) VALUES (of_run, begin_reasons.settings)
    ON CONFLICT (run_id) DO UPDATE
    SET status = 'running', reason = NULL, settings = excluded.settings, background_sha256 = NULL, wanted = NULL,
        explained = NULL, largest_gap = NULL, began_at = now(), ended_at = NULL,
        -- Of a try that was killed, what stands is still that of the one before.
        earlier = CASE WHEN explanations.status = 'running' THEN explanations.earlier
                       WHEN explanations.explained > 0 THEN jsonb_build_object(
                           'settings', explanations.settings, 'background_sha256', explanations.background_sha256,
                           'wanted', explanations.wanted, 'explained', explanations.explained,
                           'largest_gap', explanations.largest_gap) END;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.begin_reasons IS
    'Notes that a run''s scores are being explained, in place of an earlier try; returns why they must not be.';

-- What was erased from the rows meanwhile must not stay in reasons of them.
CREATE FUNCTION scoring.open_reasons(of_run bigint, parts integer[], inputs text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.scoring_runs AS run WHERE run.run_id = of_run AND run.expired_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN format('run %s has had its time', of_run);
    END IF;
    PERFORM FROM scoring.explanations AS open
    WHERE open.run_id = of_run AND open.status = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'another try at the reasons has ended meanwhile';
    END IF;
    IF scoring.parts_rewritten(of_run, parts, inputs) THEN
        RETURN 'the parts of the run are not those that were explained: an erasure has rewritten them meanwhile';
    END IF;
    DELETE FROM scoring.reasons WHERE run_id = of_run;
    DELETE FROM scoring.contributions WHERE run_id = of_run;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.open_reasons IS
    'Makes room for a run''s reasons, within a transaction that enters them; returns why they must not be kept.';

CREATE FUNCTION scoring.enter_reasons(
    of_run bigint, of_part integer, entities text[], ranks integer[], columns text[], column_values text[],
    contributions double precision[], errors double precision[], certain boolean[], bases double precision[],
    rest double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.explanations AS open WHERE open.run_id = of_run AND open.status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not being explained: its reasons stay as they are', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO scoring.reasons
    SELECT of_run, of_part, given.*
    FROM unnest(entities, ranks, columns, column_values, contributions, errors, certain, bases, rest) AS given;
END $$;
COMMENT ON FUNCTION scoring.enter_reasons IS 'Enters reasons of a part''s scores, while the run is being explained.';

CREATE FUNCTION scoring.enter_contributions(
    of_run bigint, columns text[], slices text[], slice_values text[], entities bigint[], means double precision[],
    sizes double precision[], training double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.explanations AS open WHERE open.run_id = of_run AND open.status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not being explained: its contributions stay as they are', of_run
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO scoring.contributions
    SELECT of_run, given.* FROM unnest(columns, slices, slice_values, entities, means, sizes, training) AS given;
END $$;
COMMENT ON FUNCTION scoring.enter_contributions IS
    'Enters what each column contributes to a run''s scores, while the run is being explained.';

CREATE FUNCTION scoring.end_reasons(
    of_run bigint, background text, number_wanted bigint, number_explained bigint, gap double precision, why text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One that has kept nothing leaves what the try before had, and how that was found.
    IF why IS NOT NULL AND number_explained = 0 THEN
        UPDATE scoring.explanations
        SET status = 'incomplete', reason = left(why, 1900) || ' The reasons are those of the try before.',
            settings = earlier -> 'settings', background_sha256 = earlier ->> 'background_sha256',
            wanted = (earlier ->> 'wanted')::bigint, explained = (earlier ->> 'explained')::bigint,
            largest_gap = (earlier ->> 'largest_gap')::double precision, ended_at = now(), earlier = NULL
        WHERE run_id = of_run AND status = 'running' AND earlier IS NOT NULL;
        IF FOUND THEN RETURN; END IF;
    END IF;
    UPDATE scoring.explanations
    SET status = CASE WHEN why IS NULL THEN 'explained' WHEN number_explained > 0 THEN 'incomplete' ELSE 'failed' END,
        reason = left(why, 2000), background_sha256 = background, wanted = number_wanted,
        explained = number_explained, largest_gap = gap, ended_at = now(), earlier = NULL
    WHERE run_id = of_run AND status = 'running';
END $$;
COMMENT ON FUNCTION scoring.end_reasons IS 'Notes how far a run was explained, and why no further.';

-- The reason of a failure may name an entity.
CREATE FUNCTION scoring.erase_explanations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scoring.explanations AS failed SET reason = 'Its text was erased.' FROM scoring.scoring_runs AS run
    WHERE run.run_id = failed.run_id AND run.job = NEW.job AND failed.reason IS NOT NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.erase_explanations IS
    'With an entity goes the text of why runs of its job were not explained: it may name it.';
CREATE TRIGGER erase_explanations AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.erase_explanations();

CREATE FUNCTION scoring.expire_reasons(of_run bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM FROM scoring.scoring_runs AS run WHERE run.run_id = of_run AND run.expired_at IS NOT NULL;
    IF NOT FOUND THEN RETURN 0; END IF;
    DELETE FROM scoring.contributions WHERE run_id = of_run;
    DELETE FROM scoring.reasons AS kept
    WHERE kept.ctid = ANY (ARRAY(SELECT due.ctid FROM scoring.reasons AS due WHERE due.run_id = of_run LIMIT 50000));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.expire_reasons IS
    'Deletes contributions and 50,000 reasons at most of a run whose scores have had their time; returns how many went.';

CREATE FUNCTION scoring.erase_reasons(of_job text, entity text, closed bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM scoring.reasons AS kept USING scoring.scoring_runs AS run
    WHERE kept.run_id = ANY (closed) AND kept.entity_id = entity AND run.run_id = kept.run_id AND run.job = of_job;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
COMMENT ON FUNCTION scoring.erase_reasons IS 'Erases the reasons of an entity from runs of a job; returns how many went.';

REVOKE ALL ON FUNCTION scoring.begin_reasons, scoring.open_reasons, scoring.enter_reasons, scoring.enter_contributions,
    scoring.end_reasons, scoring.erase_explanations, scoring.expire_reasons, scoring.erase_reasons FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.begin_reasons, scoring.open_reasons, scoring.enter_reasons,
    scoring.enter_contributions, scoring.end_reasons TO scoring_writer;
GRANT EXECUTE ON FUNCTION scoring.expire_reasons, scoring.erase_reasons TO scoring_janitor;
GRANT SELECT ON scoring.explanations, scoring.reasons, scoring.contributions TO scoring_writer;
-- To list what would go: none of the figures.
GRANT SELECT (run_id, status, began_at) ON scoring.explanations TO scoring_janitor;
GRANT SELECT (run_id) ON scoring.reasons, scoring.contributions TO scoring_janitor;
