-- Which jobs a role reads; for the owner alone.

CREATE FUNCTION scoring.grant_analyst(role text, jobs text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader CONSTANT oid := quote_ident(role)::regrole;
    -- From PostgreSQL 16 on, for a role that inherits nothing else, too.
    inherits CONSTANT text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                   THEN ' WITH INHERIT TRUE' ELSE '' END;
BEGIN
    IF jobs = '{}' THEN
        EXECUTE format('GRANT scoring_analyst TO %I', role) || inherits;
        DELETE FROM scoring.analyst_jobs AS granted WHERE granted.role = $1;
        RETURN;
    END IF;
    EXECUTE format('GRANT scoring_job_analyst TO %I', role) || inherits;
    EXECUTE format('REVOKE scoring_analyst FROM %I', role);
    DELETE FROM scoring.analyst_jobs AS former WHERE former.role = $1 AND former.role_id <> reader;
    INSERT INTO scoring.analyst_jobs (role, job, role_id) SELECT $1, unnest(jobs), reader ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION scoring.grant_analyst IS
    'Lets a role read some jobs more and no other, or where none is named every job; for the owner alone.';

CREATE FUNCTION scoring.revoke_analyst(role text, jobs text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM scoring.analyst_jobs AS granted
    WHERE granted.role = $1
      AND (jobs = '{}' OR granted.job = ANY (jobs) OR granted.role_id <> quote_ident($1)::regrole);
    PERFORM FROM scoring.analyst_jobs AS granted WHERE granted.role = $1;
    IF NOT FOUND THEN
        EXECUTE format('REVOKE scoring_analyst, scoring_job_analyst FROM %I', role);
    END IF;
END $$;
COMMENT ON FUNCTION scoring.revoke_analyst IS
    'Has a role read some jobs no more, or where none is named nothing; for the owner alone.';
