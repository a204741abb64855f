-- What a challenger made of a run's rows beside the version that is published: its try, its parts in the store, and how
-- the two compare once outcomes are known. Nothing here is a prediction. Rights stand here and in views/challenger.sql,
-- so that a revision can run these files.

CREATE TABLE scoring.challenges (
    run_id        bigint      PRIMARY KEY REFERENCES scoring.scoring_runs,
    model_name    text        NOT NULL,
    model_version integer     NOT NULL,
    model_sha256  text        NOT NULL CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
    status        text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'scored', 'failed')),
    reason        text        CHECK ((reason IS NULL) = (status <> 'failed')),
    began_at      timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz
);
COMMENT ON TABLE scoring.challenges IS
    'What became of a challenger''s last try at a run''s rows: one row a run that had a challenger.';
COMMENT ON COLUMN scoring.challenges.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.challenges.model_name IS 'The challenger''s model.';
COMMENT ON COLUMN scoring.challenges.model_version IS
    'Its registered version; of a candidate its number, with a minus.';
COMMENT ON COLUMN scoring.challenges.model_sha256 IS 'The digest of its artefact.';
COMMENT ON COLUMN scoring.challenges.status IS
    '`running`, `scored`, or `failed`. None of them changes anything of the run.';
COMMENT ON COLUMN scoring.challenges.reason IS 'Why it failed.';
COMMENT ON COLUMN scoring.challenges.began_at IS 'When the try began.';
COMMENT ON COLUMN scoring.challenges.ended_at IS 'When it ended; null while it runs.';

CREATE TABLE scoring.challenge_parts (
    run_id        bigint  NOT NULL REFERENCES scoring.challenges,
    part          integer NOT NULL,
    rows_scored   bigint  NOT NULL CHECK (rows_scored >= 0),
    rows_rejected bigint  NOT NULL CHECK (rows_rejected >= 0),
    sha256        text    NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    sha256_next   text    CHECK (sha256_next ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (run_id, part)
);
COMMENT ON TABLE scoring.challenge_parts IS 'The files of a challenger''s scores in the store: one row a part.';
COMMENT ON COLUMN scoring.challenge_parts.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.challenge_parts.part IS 'The part''s number, as in `run_parts`.';
COMMENT ON COLUMN scoring.challenge_parts.rows_scored IS 'How many rows the challenger has scored.';
COMMENT ON COLUMN scoring.challenge_parts.rows_rejected IS 'How many its own contract rejects.';
COMMENT ON COLUMN scoring.challenge_parts.sha256 IS 'The digest of the file with its scores.';
COMMENT ON COLUMN scoring.challenge_parts.sha256_next IS
    'The digest that an erasure is about to give the file; null unless one is at work, or was interrupted.';

CREATE TABLE scoring.challenge_results (
    run_id          bigint           PRIMARY KEY REFERENCES scoring.challenges,
    entities        bigint           NOT NULL CHECK (entities >= 0),
    outcomes        bigint           NOT NULL CHECK (outcomes >= 0),
    loss            text             NOT NULL CHECK (loss IN ('log_loss', 'squared_error')),
    champion_loss   double precision NOT NULL CHECK (champion_loss > '-Infinity' AND champion_loss < 'Infinity'),
    challenger_loss double precision NOT NULL CHECK (challenger_loss > '-Infinity' AND challenger_loss < 'Infinity'),
    moved           double precision NOT NULL CHECK (moved BETWEEN 0 AND 1),
    relabelled      double precision CHECK (relabelled BETWEEN 0 AND 1),
    in_sample       boolean          NOT NULL,
    days            integer          NOT NULL DEFAULT 0 CHECK (days >= 0),
    verdict         text             NOT NULL DEFAULT 'undecided' CHECK (verdict IN ('better', 'worse', 'undecided')),
    mean_difference double precision NOT NULL DEFAULT 0,
    difference_low  double precision,
    difference_high double precision,
    evidence        double precision NOT NULL DEFAULT 0,
    measured_at     timestamptz      NOT NULL DEFAULT now()
);
COMMENT ON TABLE scoring.challenge_results IS
    'What a published run and its challenger lost on the same entities, and what the days until then say together.';
COMMENT ON COLUMN scoring.challenge_results.run_id IS 'The run, as in `scoring_runs`.';
COMMENT ON COLUMN scoring.challenge_results.entities IS 'Entities with a score of both: all, or a sample of a million.';
COMMENT ON COLUMN scoring.challenge_results.outcomes IS 'Of these, entities with an outcome.';
COMMENT ON COLUMN scoring.challenge_results.loss IS 'What is compared: the log loss, or a regression''s squared error.';
COMMENT ON COLUMN scoring.challenge_results.champion_loss IS 'The mean loss of the version that was published.';
COMMENT ON COLUMN scoring.challenge_results.challenger_loss IS 'The mean loss of the challenger.';
COMMENT ON COLUMN scoring.challenge_results.moved IS
    'The share of entities whose score is in another tenth of the day''s scores.';
COMMENT ON COLUMN scoring.challenge_results.relabelled IS
    'The share of entities with another label; null for a regression.';
COMMENT ON COLUMN scoring.challenge_results.in_sample IS
    'Whether one of the two was trained on the score date, which then does not count.';
COMMENT ON COLUMN scoring.challenge_results.days IS 'How many score dates of this pair count, until this one.';
COMMENT ON COLUMN scoring.challenge_results.verdict IS
    'Of the challenger after this score date: `better`, `worse` or `undecided`; wrong in no more than 5 % of pairs.';
COMMENT ON COLUMN scoring.challenge_results.mean_difference IS
    'How much less the challenger lost, on average over these days.';
COMMENT ON COLUMN scoring.challenge_results.difference_low IS
    'Where the interval of the mean difference begins; null where the days are too few.';
COMMENT ON COLUMN scoring.challenge_results.difference_high IS 'Where it ends.';
COMMENT ON COLUMN scoring.challenge_results.evidence IS 'How strong the evidence is that one is better. At 1 it is decided.';
COMMENT ON COLUMN scoring.challenge_results.measured_at IS 'When the two were compared.';
-- EXPLAIN shows what ANALYZE keeps, of the jobs too that an analyst may not see.
ALTER TABLE scoring.challenges
    ALTER reason SET STATISTICS 0, ALTER began_at SET STATISTICS 0, ALTER ended_at SET STATISTICS 0;
ALTER TABLE scoring.challenge_results
    ALTER entities SET STATISTICS 0, ALTER outcomes SET STATISTICS 0, ALTER loss SET STATISTICS 0,
    ALTER champion_loss SET STATISTICS 0, ALTER challenger_loss SET STATISTICS 0, ALTER moved SET STATISTICS 0,
    ALTER relabelled SET STATISTICS 0, ALTER in_sample SET STATISTICS 0, ALTER days SET STATISTICS 0,
    ALTER verdict SET STATISTICS 0, ALTER mean_difference SET STATISTICS 0, ALTER difference_low SET STATISTICS 0,
    ALTER difference_high SET STATISTICS 0, ALTER evidence SET STATISTICS 0, ALTER measured_at SET STATISTICS 0;

-- A run's row is locked for a moment only: whoever publishes it, or throws it away, waits no longer than that.
CREATE FUNCTION scoring.begin_challenge(of_run bigint, name text, version integer, sha256 text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry scoring.scoring_runs;
BEGIN
    SELECT * INTO entry FROM scoring.scoring_runs WHERE run_id = of_run FOR NO KEY UPDATE;
    IF entry.status IS NULL OR entry.status NOT IN ('published', 'held') OR entry.served_by <> 'model' THEN
        RETURN format('run %s is %s, served by %s: only one that its own model has scored, and that is published or '
                      'held, has a challenger', of_run, coalesce(entry.status, 'unknown'), entry.served_by);
    ELSIF entry.parts_pruned_at IS NOT NULL THEN
        RETURN format('the parts of run %s had their time on %s', of_run, entry.parts_pruned_at::date);
    END IF;
    PERFORM FROM scoring.challenges AS done
    WHERE done.run_id = of_run AND done.status = 'scored' AND done.model_name = name AND done.model_sha256 = sha256;
    IF FOUND THEN
        RETURN format('run %s was scored by %s version %s before', of_run, name, version);
    END IF;
    DELETE FROM scoring.challenge_results WHERE run_id = of_run;
    DELETE FROM scoring.challenge_parts WHERE run_id = of_run;
    INSERT INTO scoring.challenges (run_id, model_name, model_version, model_sha256)
    VALUES (of_run, name, version, sha256)
    ON CONFLICT (run_id) DO UPDATE
    SET model_name = excluded.model_name, model_version = excluded.model_version, model_sha256 = excluded.model_sha256,
        status = 'running', reason = NULL, began_at = now(), ended_at = NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.begin_challenge IS
    'Notes that a challenger begins to score a run''s rows, in place of an earlier try; returns why it must not.';

-- What was erased from the rows meanwhile must not stay in scores of them.
CREATE FUNCTION scoring.end_challenge(
    of_run bigint, sha256 text, parts integer[], scored bigint[], rejected bigint[], digests text[], inputs text[])
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.challenges AS open
    WHERE open.run_id = of_run AND open.status = 'running' AND open.model_sha256 = sha256 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'another try of the challenger has begun, or ended it';
    END IF;
    IF scoring.parts_rewritten(of_run, parts, inputs) THEN
        RETURN 'the parts of the run are not those that it has scored: an erasure has rewritten them meanwhile';
    END IF;
    INSERT INTO scoring.challenge_parts (run_id, part, rows_scored, rows_rejected, sha256)
    SELECT of_run, given.* FROM unnest(parts, scored, rejected, digests) AS given;
    UPDATE scoring.challenges SET status = 'scored', ended_at = now() WHERE run_id = of_run;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.end_challenge IS
    'Notes that a challenger has scored a run''s rows, and the files; returns why they must not be kept.';

CREATE FUNCTION scoring.fail_challenge(of_run bigint, sha256 text, why text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scoring.challenges SET status = 'failed', reason = left(why, 2000), ended_at = now()
    WHERE run_id = of_run AND status = 'running' AND model_sha256 = sha256;
$$;
COMMENT ON FUNCTION scoring.fail_challenge IS 'Notes that a challenger failed on a run''s rows, and why.';

-- Not an advisory lock, which any role may take and keep.
CREATE FUNCTION scoring.lock_challenge_results() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE scoring.challenge_results IN SHARE ROW EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION scoring.lock_challenge_results IS
    'Lets one session at a time compute what measured days say of a challenger, until its transaction ends.';

-- What was thrown away does not come back.
CREATE FUNCTION scoring.enter_challenge_result(
    of_run bigint, sha256 text, compared bigint, known bigint, by_loss text, champion double precision,
    challenger double precision, by_tenth double precision, by_label double precision, seen boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM scoring.scoring_runs AS run JOIN scoring.challenges AS done ON done.run_id = run.run_id
    WHERE run.run_id = of_run AND run.published_at IS NOT NULL AND run.metrics_pruned_at IS NULL
      AND done.status = 'scored' AND done.model_sha256 = sha256 FOR NO KEY UPDATE OF run;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % was never published, its metrics had their time, or that version has not scored it: '
            'it takes no result of a challenger', of_run USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM scoring.challenge_results WHERE run_id = of_run;
    INSERT INTO scoring.challenge_results
        (run_id, entities, outcomes, loss, champion_loss, challenger_loss, moved, relabelled, in_sample)
    VALUES (of_run, compared, known, by_loss, champion, challenger, by_tenth, by_label, seen);
END $$;
COMMENT ON FUNCTION scoring.enter_challenge_result IS
    'Enters what a published run and its challenger lost on the same entities, in place of what was measured before.';

CREATE FUNCTION scoring.enter_challenge_verdicts(
    run_ids bigint[], counts integer[], verdicts text[], means double precision[], lows double precision[],
    highs double precision[], strengths double precision[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scoring.challenge_results AS result
    SET days = given.days, verdict = given.verdict, mean_difference = given.mean, difference_low = given.low,
        difference_high = given.high, evidence = given.strength
    FROM unnest(run_ids, counts, verdicts, means, lows, highs, strengths)
        AS given (run_id, days, verdict, mean, low, high, strength)
    WHERE result.run_id = given.run_id;
$$;
COMMENT ON FUNCTION scoring.enter_challenge_verdicts IS
    'Enters what the days until each run say together of its challenger.';

CREATE FUNCTION scoring.plan_challenge_rewrite(of_run bigint, of_part integer, next text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scoring.challenge_parts SET sha256_next = next WHERE run_id = of_run AND part = of_part;
$$;
COMMENT ON FUNCTION scoring.plan_challenge_rewrite IS
    'Notes the digest that a file of a challenger''s scores is about to have, before it has it.';

CREATE FUNCTION scoring.settle_challenge_rewrite(of_run bigint, of_part integer, has text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE scoring.challenge_parts SET sha256 = has, sha256_next = NULL
    WHERE run_id = of_run AND part = of_part AND sha256_next = has;
$$;
COMMENT ON FUNCTION scoring.settle_challenge_rewrite IS
    'Makes the digest that a file of a challenger''s scores has the noted one.';

-- The reason of a failure may name an entity.
CREATE FUNCTION scoring.erase_challenge_reasons() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scoring.challenges AS failed SET reason = 'Its text was erased.' FROM scoring.scoring_runs AS run
    WHERE run.run_id = failed.run_id AND run.job = NEW.job AND failed.reason IS NOT NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.erase_challenge_reasons IS
    'With an entity goes the text of why challengers of its job failed: it may name it.';
CREATE TRIGGER erase_challenge_reasons AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.erase_challenge_reasons();

REVOKE ALL ON FUNCTION scoring.begin_challenge, scoring.end_challenge, scoring.fail_challenge,
    scoring.lock_challenge_results, scoring.enter_challenge_result, scoring.enter_challenge_verdicts,
    scoring.plan_challenge_rewrite, scoring.settle_challenge_rewrite, scoring.erase_challenge_reasons FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.begin_challenge, scoring.end_challenge, scoring.fail_challenge,
    scoring.lock_challenge_results, scoring.enter_challenge_result, scoring.enter_challenge_verdicts TO scoring_writer;
GRANT EXECUTE ON FUNCTION scoring.plan_challenge_rewrite, scoring.settle_challenge_rewrite TO scoring_janitor;
GRANT SELECT ON scoring.challenges, scoring.challenge_parts, scoring.challenge_results TO scoring_writer;
-- To list what would go, and what is to be rewritten: none of the figures.
GRANT SELECT (run_id, status, began_at) ON scoring.challenges TO scoring_janitor;
GRANT SELECT (run_id, part, sha256, sha256_next) ON scoring.challenge_parts TO scoring_janitor;
GRANT SELECT (run_id) ON scoring.challenge_results TO scoring_janitor;
