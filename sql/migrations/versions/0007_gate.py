"""The gate: what its checks found unusual is kept with the run, and analysts may read it."""

from alembic import op

revision = "0007"
down_revision = "0006"

# On the run's row: a retry replaces them at once, and those of a published run cannot change.
FINDINGS = """
ALTER TABLE scoring.scoring_runs ADD COLUMN findings jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN scoring.scoring_runs.findings IS 'What the gate''s checks found unusual; as rows in `findings`.';
GRANT UPDATE (findings) ON scoring.scoring_runs TO scoring_writer;

CREATE VIEW scoring.findings AS
SELECT run.run_id, found.check AS check_name, found.action, found.message
FROM scoring.scoring_runs AS run
CROSS JOIN jsonb_to_recordset(run.findings) AS found ("check" text, action text, message text);
COMMENT ON VIEW scoring.findings IS 'What the gate''s checks found unusual in a run, one row a finding.';
COMMENT ON COLUMN scoring.findings.action IS
    'What the job file says of the check: warn (published all the same) or hold (a person decided, see the run).';
GRANT SELECT ON scoring.findings TO scoring_writer, scoring_janitor, scoring_analyst;
"""


def upgrade() -> None:
    """Add the findings to the run's row, and the view that shows them."""
    op.execute(FINDINGS)


def downgrade() -> None:
    """Refuse: nobody could tell any more why a run was held."""
    raise NotImplementedError("the findings are not thrown away; restore a backup if you mean it")
