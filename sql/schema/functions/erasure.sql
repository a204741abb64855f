-- Erasing an entity: from rows, from the parts of the store, and from messages that were not sent.

CREATE FUNCTION scoring.plan_rewrite(of_run bigint, of_part integer, input_next text, scored_next text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(input_next, scored_next) IS NULL
       OR NOT coalesce(input_next ~ '^[0-9a-f]{64}$', true) OR NOT coalesce(scored_next ~ '^[0-9a-f]{64}$', true) THEN
        RAISE EXCEPTION 'part % of run %: not a SHA-256', of_part, of_run USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE scoring.run_parts AS line
    SET input_sha256_next = coalesce(input_next, input_sha256_next),
        scored_sha256_next = CASE WHEN scored_sha256 IS NOT NULL THEN coalesce(scored_next, scored_sha256_next) END
    FROM scoring.scoring_runs AS run
    WHERE line.run_id = of_run AND line.part = of_part AND run.run_id = of_run AND NOT scoring.in_work(run);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'part % of run % cannot be rewritten: a try is going on with the run', of_part, of_run;
    END IF;
END $$;
COMMENT ON FUNCTION scoring.plan_rewrite IS 'Notes the digest that a part''s file is about to have, before it has it.';

CREATE FUNCTION scoring.settle_rewrite(of_run bigint, of_part integer, has text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO scoring.rewrites (run_id, part, kind, sha256, sha256_next)
    SELECT line.run_id, line.part, file.kind, file.sha256, file.sha256_next
    FROM scoring.run_parts AS line
    CROSS JOIN LATERAL (
        VALUES ('input', line.input_sha256, line.input_sha256_next),
               ('scored', line.scored_sha256, line.scored_sha256_next)
    ) AS file (kind, sha256, sha256_next)
    WHERE line.run_id = of_run AND line.part = of_part AND file.sha256_next = has AND file.sha256 <> has;
    UPDATE scoring.run_parts SET input_sha256 = has, input_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND input_sha256_next = has;
    UPDATE scoring.run_parts SET scored_sha256 = has, scored_sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND scored_sha256_next = has;
$$;
COMMENT ON FUNCTION scoring.settle_rewrite IS
    'Makes the digest that a part''s file has the ledger''s, where it was noted before, and keeps the old one.';

CREATE FUNCTION scoring.erase(
    of_job text, entity text, closed bigint[],
    rewritten_runs bigint[], rewritten_parts integer[], digests text[], who text, why text,
    OUT erasure bigint, OUT runs bigint, OUT prediction_rows bigint, OUT rejected_rows bigint, OUT parts bigint,
    OUT months date[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word CONSTANT text := '(?<![\w-])' || regexp_replace(entity, '(\W)', '\\\1', 'g') || '(?![\w-])';
    touched bigint[];
    refused bigint[];
    told bigint[];
    rewritten bigint[];
BEGIN
    IF coalesce(btrim(entity), '') = '' THEN
        RAISE EXCEPTION 'an erasure is of somebody: the entity is empty' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    closed := ARRAY(SELECT run_id FROM scoring.scoring_runs AS run
                    WHERE run_id = ANY (closed) AND job = of_job AND NOT scoring.in_work(run));
    WITH gone AS (
        DELETE FROM scoring.prediction_rows AS scores
        WHERE scores.entity_id = entity AND scores.run_id = ANY (closed)
        RETURNING scores.run_id, scores.part, scores.score_date
    ), counted AS (
        UPDATE scoring.run_parts AS line SET rows_erased = line.rows_erased + per.rows
        FROM (SELECT run_id, part, count(*) AS rows FROM gone GROUP BY run_id, part) AS per
        WHERE line.run_id = per.run_id AND line.part = per.part
    )
    SELECT count(*), array_agg(run_id), array_agg(DISTINCT date_trunc('month', score_date)::date)
    INTO prediction_rows, touched, months FROM gone;
    WITH gone AS (
        DELETE FROM scoring.rejected_rows AS rejected
        WHERE rejected.run_id = ANY (closed)
          AND (rejected.entity_id = entity OR rejected.column_name = 'entity_id' AND rejected.value = entity)
        RETURNING rejected.run_id
    )
    SELECT count(*), array_agg(run_id) INTO rejected_rows, refused FROM gone;
    -- Messages of failed runs name entities.
    WITH retold AS (
        UPDATE scoring.scoring_runs SET status_reason = regexp_replace(status_reason, word, '[erased]', 'g')
        WHERE run_id = ANY (closed) AND status IN ('failed', 'abandoned') AND status_reason ~ word
        RETURNING run_id
    )
    SELECT array_agg(run_id) INTO told FROM retold;
    PERFORM scoring.settle_rewrite(run, part, has)
    FROM unnest(rewritten_runs, rewritten_parts, digests) AS file (run, part, has);
    -- What the janitor names beside that is none of this job's.
    SELECT count(DISTINCT (line.run_id, line.part)), array_agg(DISTINCT line.run_id) INTO parts, rewritten
    FROM unnest(rewritten_runs, rewritten_parts) AS named (run, part)
    JOIN scoring.run_parts AS line ON line.run_id = named.run AND line.part = named.part
    JOIN scoring.scoring_runs AS whose ON whose.run_id = line.run_id AND whose.job = of_job;
    SELECT count(DISTINCT run) INTO runs FROM unnest(touched || refused || told || rewritten) AS found (run);
    INSERT INTO scoring.erasures (job, erased_by, reason, runs, prediction_rows, rejected_rows, parts)
    VALUES (of_job, who, why, runs, prediction_rows, rejected_rows, parts) RETURNING erasure_id INTO erasure;
END $$;
COMMENT ON FUNCTION scoring.erase IS
    'Erases an entity from the rows of closed runs, settles the parts that were rewritten, and writes the receipt.';

CREATE FUNCTION scoring.erase_alerts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scoring.alerts SET body = 'Its text was erased.' WHERE job = NEW.job AND sent_at IS NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.erase_alerts IS
    'With an entity goes the text of the messages that its job has not sent yet: they may name it.';
