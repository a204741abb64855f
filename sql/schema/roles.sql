-- The roles without a login, whose members may do one thing each; grants.sql says what. A server has them once, for all
-- of its databases, and an owner who may not make roles finds them there.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['scoring_writer', 'scoring_approver', 'scoring_janitor', 'scoring_watcher',
                                  'scoring_api', 'scoring_job_analyst', 'scoring_analyst'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    -- A role of its own for those who read some jobs only, and scoring_analyst a member of it: whoever reads every job
    -- has one right more. So a limited role that is renamed, or whose grants are lost, reads nothing rather than
    -- everything.
    IF NOT pg_has_role('scoring_analyst', 'scoring_job_analyst', 'USAGE') THEN
        GRANT scoring_job_analyst TO scoring_analyst;
    END IF;
END $$;
