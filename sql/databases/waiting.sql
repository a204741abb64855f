-- name: open_transactions
-- The sessions of this database with a transaction open, each by its number and login, which the server tells everybody.
SELECT string_agg(DISTINCT format('%s (%s)', pid, usename), ', ')
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'virtualxid' AND datname = current_database() AND pid <> pg_backend_pid()
