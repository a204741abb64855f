-- What the database itself is set to, where its schema's owner owns it too.
--
-- A plan's cost is that of the month's average run. Where the month's other runs are large, a server with a compiler
-- (JIT) would compile the query of a small run for longer than it takes.
DO $$
BEGIN
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
    END IF;
END $$;
