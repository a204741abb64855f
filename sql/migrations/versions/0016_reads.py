"""A night's rows are found by their run: an index of one line for 32 pages, and no compiling of plans for averages.

The views' LATERAL reads each run by its number, but the only index on numbers was the one for look-ups, with a Bloom
filter for every 16 pages: an aggregate of a night of 100,000 rows read 3,700 pages of it beside 12M rows of other runs,
and 1,300 of the night. BRIN on the number alone has one line of 24 bytes for 32 pages. Copying and covering 1M rows
takes 1.01 times as long by the clock with it, and 1.09 times of the server's processor (medians of six pairs on a busy
machine).

A look-up still reads the month's filters. What would read less costs more, in seconds of the server's processor per 1M
rows that are copied and covered (now 1.0 to 1.2): a b-tree on run_id and entity_id 1.6 in the order of entities, 2.5
sorted part by part, 4.5 in no order; a hash index 2.5 to 2.7; 16 partitions a month by the hash of entity_id 1.9.
Partitions by day, night or run cost a query that names no date 33 microseconds and three locks each: eight analysts at
`latest_predictions` would need more locks than a server has.

The fence stays: in a plain join, EXPLAIN counts rows of runs that nobody may see.
"""

from alembic import op

revision = "0016"
down_revision = "0015"

# Narrower ranges cost more to skip, wider ones have more rows of the neighbours in them: at most 62 pages so.
BY_RUN = """
CREATE INDEX prediction_rows_by_run ON scoring.prediction_rows USING brin (run_id) WITH (pages_per_range = 32);
COMMENT ON FUNCTION scoring.summarize IS
    'Brings the month''s BRIN indexes up to date, so that readers skip blocks; leaves it to whoever is at it already.';
"""

# A plan's cost is that of the month's average run. Where the month's other runs are large, a server with a compiler
# (JIT) would compile the query of a small night for longer than it takes. Who owns the database may say so for it.
COMPILING = """
DO $$
BEGIN
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
    END IF;
END $$;
"""


def upgrade() -> None:
    """Build the index; nights being written meanwhile wait for it (some seconds for ten million rows)."""
    op.execute(BY_RUN)
    op.execute(COMPILING)


def downgrade() -> None:
    """Drop the index; older code reads the filters."""
    op.execute("DROP INDEX scoring.prediction_rows_by_run")
