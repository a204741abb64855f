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
\getenv watcher_password WATCHER_PASSWORD
\getenv analyst_password ANALYST_PASSWORD
\getenv pages_password PAGES_PASSWORD
\getenv api_password API_PASSWORD

\ir roles.sql

-- No password may reach the server's log, whatever fails below.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET password_encryption = 'scram-sha-256';

ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE warehouse_owner PASSWORD :'warehouse_owner_password';
ALTER ROLE warehouse_reader PASSWORD :'warehouse_reader_password';
ALTER ROLE scoring_owner PASSWORD :'scoring_owner_password';
ALTER ROLE scoring_pipeline PASSWORD :'scoring_pipeline_password';
ALTER ROLE approver PASSWORD :'approver_password';
ALTER ROLE janitor PASSWORD :'janitor_password';
ALTER ROLE watcher PASSWORD :'watcher_password';
ALTER ROLE analyst PASSWORD :'analyst_password';
ALTER ROLE pages PASSWORD :'pages_password';
ALTER ROLE api PASSWORD :'api_password';
