-- Databases and logins of docker-compose.yaml, run by its service postgres-init at every `up`: what is there stays,
-- what is missing is made, and each login gets the password that .env has now.
--
-- One login for one purpose. Nothing here is a superuser but `postgres`, which only this script uses.

\set ON_ERROR_STOP on
\set QUIET on

\getenv airflow_password AIRFLOW_PASSWORD
\getenv warehouse_owner_password WAREHOUSE_OWNER_PASSWORD
\getenv warehouse_reader_password WAREHOUSE_READER_PASSWORD
\getenv scoring_owner_password SCORING_OWNER_PASSWORD
\getenv scoring_pipeline_password SCORING_PIPELINE_PASSWORD
\getenv approver_password APPROVER_PASSWORD
\getenv janitor_password JANITOR_PASSWORD
\getenv analyst_password ANALYST_PASSWORD

-- No password may reach the server's log, whatever fails below.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256';
SET client_min_messages = 'warning';

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[
    'airflow', 'warehouse_owner', 'warehouse_reader', 'scoring_owner', 'scoring_pipeline', 'approver', 'janitor',
    'analyst', 'scoring_writer', 'scoring_approver', 'scoring_janitor', 'scoring_analyst'
]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE airflow LOGIN PASSWORD :'airflow_password';
ALTER ROLE warehouse_owner LOGIN PASSWORD :'warehouse_owner_password';
ALTER ROLE warehouse_reader LOGIN PASSWORD :'warehouse_reader_password';
ALTER ROLE scoring_owner LOGIN CREATEROLE PASSWORD :'scoring_owner_password';
ALTER ROLE scoring_pipeline LOGIN PASSWORD :'scoring_pipeline_password';
ALTER ROLE approver LOGIN PASSWORD :'approver_password';
ALTER ROLE janitor LOGIN PASSWORD :'janitor_password';
ALTER ROLE analyst LOGIN PASSWORD :'analyst_password';

-- The migrations give these roles their rights; who is a member is said here.
GRANT scoring_writer TO scoring_pipeline;
GRANT scoring_approver TO approver;
GRANT scoring_janitor TO janitor;
GRANT scoring_analyst TO analyst;

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('airflow', 'airflow'), ('warehouse', 'warehouse_owner'), ('predictions', 'scoring_owner'))
    AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

REVOKE ALL ON DATABASE airflow, warehouse, predictions, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE warehouse TO warehouse_reader;
GRANT CONNECT ON DATABASE predictions TO scoring_pipeline, approver, janitor, analyst;

\connect warehouse
ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_owner GRANT USAGE ON SCHEMAS TO warehouse_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE warehouse_owner GRANT SELECT ON TABLES TO warehouse_reader;
ALTER ROLE warehouse_reader SET default_transaction_read_only = on;
