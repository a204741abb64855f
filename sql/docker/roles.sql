-- Roles and databases of ours, on the server of docker-compose.yaml and on the embedded one: what is there stays, what
-- is missing is made. Run by psql as the superuser, who is used for nothing else.
--
-- One login for one purpose, and no owner is a superuser. How a login proves itself is said elsewhere: by a password
-- (databases.sql) or by being the user of the operating system that made the server (pipeline/embedded/postmaster.py).

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = 'warning';

-- Who is an analyst of which job may have been changed since, so that it is said here once.
SELECT to_regrole('analyst') IS NULL AS first_time \gset

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[
    'airflow', 'warehouse_owner', 'warehouse_reader', 'scoring_owner', 'scoring_pipeline', 'approver', 'janitor',
    'watcher', 'analyst', 'pages', 'api', 'scoring_writer', 'scoring_approver', 'scoring_janitor', 'scoring_watcher',
    'scoring_api', 'scoring_job_analyst', 'scoring_analyst'
]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE airflow LOGIN;
ALTER ROLE warehouse_owner LOGIN;
ALTER ROLE warehouse_reader LOGIN;
-- Before PostgreSQL 16, whoever may make roles may also become any that is no superuser.
ALTER ROLE scoring_owner LOGIN NOCREATEROLE;
ALTER ROLE scoring_pipeline LOGIN;
ALTER ROLE approver LOGIN;
ALTER ROLE janitor LOGIN;
ALTER ROLE watcher LOGIN CONNECTION LIMIT 20;
-- Analysts leave connections to the runs.
ALTER ROLE analyst LOGIN CONNECTION LIMIT 40;
ALTER ROLE pages LOGIN CONNECTION LIMIT 20;
ALTER ROLE api LOGIN CONNECTION LIMIT 40;
-- What they decide or erase holds up every publication until it is committed.
ALTER ROLE approver SET idle_in_transaction_session_timeout = '5min';
ALTER ROLE janitor SET idle_in_transaction_session_timeout = '5min';

-- The migrations give these roles their rights; who is a member is said here.
GRANT scoring_writer TO scoring_pipeline;
GRANT scoring_approver TO approver;
GRANT scoring_janitor TO janitor;
GRANT scoring_watcher TO watcher;
-- Airflow says who may see which job's pages.
GRANT scoring_analyst TO pages;
-- Its tokens say which client may ask of which job.
GRANT scoring_api, scoring_analyst TO api;
-- `grant-analyst` and `revoke-analyst` give it and take it away, as the owner.
GRANT scoring_job_analyst TO scoring_analyst;
GRANT scoring_analyst, scoring_job_analyst TO scoring_owner WITH ADMIN OPTION;
\if :first_time
SET ROLE scoring_owner;
GRANT scoring_analyst TO analyst;
RESET ROLE;
\endif

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('airflow', 'airflow'), ('warehouse', 'warehouse_owner'), ('predictions', 'scoring_owner'))
    AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

REVOKE ALL ON DATABASE airflow, warehouse, predictions, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE warehouse TO warehouse_reader;
GRANT CONNECT ON DATABASE predictions TO scoring_pipeline, approver, janitor, watcher, analyst, pages, api;

-- Postgres lets every role store large objects, and write into the server's own log of changes.
SELECT string_agg(format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;', oid::regprocedure), ' ') AS revoke_all
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
  AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'pg_logical_emit_message')
\gset
:revoke_all
\connect airflow
:revoke_all
\connect predictions
:revoke_all
\connect warehouse
:revoke_all
ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_owner GRANT USAGE ON SCHEMAS TO warehouse_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_owner GRANT SELECT ON TABLES TO warehouse_reader;
ALTER ROLE warehouse_reader SET default_transaction_read_only = on;
\connect postgres
