"""A look-up of one entity reads a hundredth of a night: Bloom filters with room for all the rows of their pages."""

from alembic import op

revision = "0009"
down_revision = "0008"

# As revision 0001 had it, each filter covers 128 pages, of whose up to 12,000 entities it has room for a third: half of
# the table was read. `n_distinct_per_range` is a share of the 291 rows that a page can hold at most; our shortest rows
# come to some 110.
LOOKUP = """
DROP INDEX scoring.prediction_rows_lookup;
CREATE INDEX prediction_rows_lookup ON scoring.prediction_rows
    USING brin (run_id, entity_id text_bloom_ops (n_distinct_per_range = -0.4)) WITH (pages_per_range = 16);
"""
# Vacuum covers the rows as well; who waits for it would wait for long.
SUMMARIZE = """
CREATE OR REPLACE FUNCTION scoring.summarize(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM brin_summarize_new_values(index.indexrelid)
    FROM pg_index AS index
    JOIN pg_class AS class ON class.oid = index.indexrelid
    JOIN pg_am AS am ON am.oid = class.relam
    WHERE index.indrelid = to_regclass('scoring.prediction_rows_' || to_char(day, 'YYYYMM')) AND am.amname = 'brin';
EXCEPTION WHEN lock_not_available THEN
    RAISE DEBUG 'the month of % is being vacuumed, or covered by another', day;
END $$;
COMMENT ON FUNCTION scoring.summarize IS
    'Brings the month''s BRIN index up to date, so that look-ups skip blocks; leaves it to whoever is at it already.';
"""
# Without statistics the planner takes each look-up to read the whole index, and reads the whole table instead.
ANALYZE = """
CREATE FUNCTION scoring.analyze(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    EXECUTE format('ANALYZE scoring.%I', 'prediction_rows_' || to_char(day, 'YYYYMM'));
EXCEPTION WHEN lock_not_available THEN
    RAISE DEBUG 'the month of % is being vacuumed, or analyzed by another', day;
END $$;
COMMENT ON FUNCTION scoring.analyze IS
    'Tells the planner what the month''s scores are like, so that it uses their index; leaves it to whoever is at it.';
REVOKE EXECUTE ON FUNCTION scoring.analyze FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scoring.analyze TO scoring_writer;
"""
BEFORE = """
DROP FUNCTION scoring.analyze;
DROP INDEX scoring.prediction_rows_lookup;
CREATE INDEX prediction_rows_lookup ON scoring.prediction_rows USING brin (run_id, entity_id text_bloom_ops);
"""


def upgrade() -> None:
    """Build the index anew; nights being written meanwhile wait for it (a second for some millions of rows)."""
    op.execute(LOOKUP)
    op.execute(SUMMARIZE)
    op.execute(ANALYZE)


def downgrade() -> None:
    """Build it as it was."""
    op.execute(BEFORE)
