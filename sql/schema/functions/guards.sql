-- Triggers that keep runs and their figures as they are, and dates within bounds. A trigger's function runs as whoever
-- changes the row. Inside a SECURITY DEFINER function that is the tables' owner: so the owner's functions (publish, roll
-- back, clean up, erase) may do what the roles that call them may not.

CREATE FUNCTION scoring.acts_as_owner(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = relation
$$;
COMMENT ON FUNCTION scoring.acts_as_owner IS
    'Whether the current role is the relation''s owner, as it is inside the owner''s SECURITY DEFINER functions.';

CREATE FUNCTION scoring.guard_runs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ending CONSTANT text[] := ARRAY['status', 'status_reason'];
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'running' OR NEW.published_at IS NOT NULL THEN
            RAISE EXCEPTION 'a run begins as running, not as %', NEW.status USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF OLD.status IN ('published', 'superseded') THEN
        RAISE EXCEPTION 'run % was published and cannot change', OLD.run_id USING ERRCODE = 'insufficient_privilege';
    ELSIF OLD.status = 'abandoned' THEN
        RAISE EXCEPTION 'run % is abandoned and cannot change', OLD.run_id USING ERRCODE = 'insufficient_privilege';
    ELSIF OLD.status = 'held' THEN
        -- Who decides sees the run as it was held. A later try of its trigger may take over, and says so.
        IF NEW.status <> 'abandoned' OR to_jsonb(NEW) - ending <> to_jsonb(OLD) - ending
           OR (NEW.status_reason = (
               SELECT 'taken over by run ' || max(later.run_id) FROM scoring.scoring_runs AS later
               WHERE later.job = OLD.job AND later.score_date = OLD.score_date AND later.trigger = OLD.trigger
                 AND later.run_id > OLD.run_id)) IS NOT TRUE THEN
            RAISE EXCEPTION 'run % is held and cannot change: only scoring.approve and scoring.reject decide on it',
                OLD.run_id USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF NEW.status IN ('published', 'superseded') OR NEW.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'run %: only scoring.publish and scoring.roll_back make a run %', OLD.run_id, NEW.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_runs IS
    'Refuses, to all but the owner''s functions, to publish a run, and to change one that is held or has ended.';

CREATE FUNCTION scoring.guard_figures() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'UPDATE' THEN OLD.run_id END;
    run bigint;
BEGIN
    IF scoring.acts_as_owner(TG_RELID) THEN RETURN NEW; END IF;
    FOREACH run IN ARRAY ARRAY[NEW.run_id, coalesce(before, NEW.run_id)] LOOP
        -- FOR SHARE: the run stays open until this transaction ends.
        PERFORM FROM scoring.scoring_runs AS open
        WHERE open.run_id = run AND open.status IN ('running', 'failed') FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'run % is closed, its % cannot change', run, TG_ARGV[0]
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_figures IS
    'Refuses, to all but the owner''s functions, a change to a closed run''s ledger, metrics or profiles.';

CREATE FUNCTION scoring.keep_published_run() RETURNS trigger
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
COMMENT ON FUNCTION scoring.keep_published_run IS 'Refuses a change to a published run, save superseding it.';

CREATE FUNCTION scoring.keep_expired_run() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.status NOT IN ('superseded', 'abandoned') OR NEW.expired_at IS DISTINCT FROM OLD.expired_at THEN
        RAISE EXCEPTION 'run % expired on %: its rows are gone. Score % % again', OLD.run_id,
            OLD.expired_at::date, OLD.job, OLD.score_date;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.keep_expired_run IS 'Refuses to bring a run back whose rows have gone or are going.';

CREATE FUNCTION scoring.stamp_status() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.status_since := now();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.stamp_status IS 'Notes when a run took its status.';

CREATE FUNCTION scoring.require_date(day date) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last date := (now() AT TIME ZONE 'UTC')::date + 366;
BEGIN
    IF day IS NULL OR day NOT BETWEEN '1970-01-01' AND last THEN
        RAISE EXCEPTION 'score date % is not between 1970-01-01 and %', coalesce(day::text, 'NULL'), last
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Name a day that has data.';
    END IF;
END $$;
COMMENT ON FUNCTION scoring.require_date IS
    'Refuses a score date before 1970 or more than 366 days ahead, as pipeline/config/dates.py does.';

CREATE FUNCTION scoring.guard_date() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM scoring.require_date(NEW.score_date);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION scoring.guard_date IS 'Refuses a new row of a score date that cannot be, whoever enters it.';
