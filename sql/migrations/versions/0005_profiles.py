"""Profiles: what the columns of every run looked like, as counts that add up."""

from alembic import op

revision = "0005"
down_revision = "0004"

PROFILES = """
CREATE TABLE scoring.profiles (
    run_id      bigint  NOT NULL REFERENCES scoring.scoring_runs,
    column_name text    NOT NULL,
    bin         integer NOT NULL CHECK (bin >= 0),
    label       text    NOT NULL,
    count       bigint  NOT NULL CHECK (count >= 0),
    PRIMARY KEY (run_id, column_name, bin)
);
COMMENT ON TABLE scoring.profiles IS
    'Histograms of the rows that a run scored: counts add up over runs of models with the same bins (labels).';
COMMENT ON COLUMN scoring.profiles.column_name IS 'The feature; empty for the score.';
COMMENT ON COLUMN scoring.profiles.bin IS 'The bin''s place: bins of numbers ascend, and null is the last.';
COMMENT ON COLUMN scoring.profiles.label IS 'What is in the bin: a range, a category, other, null, present.';
REVOKE ALL ON scoring.profiles FROM PUBLIC;
GRANT SELECT ON scoring.profiles TO scoring_writer, scoring_janitor, scoring_analyst;
GRANT INSERT, UPDATE ON scoring.profiles TO scoring_writer;
"""


def upgrade() -> None:
    """Add the table."""
    op.execute(PROFILES)


def downgrade() -> None:
    """Refuse: parts are pruned, and could not be counted again."""
    raise NotImplementedError("profiles are not thrown away; restore a backup if you mean it")
