"""A failure that came before a run could begin is a run, too: a failed one, of which less is known."""

from alembic import op

revision = "0018"
down_revision = "0016"

# What a run scores with is known when it begins. One that failed before that has a reason, and none of these.
UNBEGUN = """
ALTER TABLE scoring.scoring_runs
    ALTER COLUMN model_name DROP NOT NULL,
    ALTER COLUMN model_version DROP NOT NULL,
    ALTER COLUMN model_sha256 DROP NOT NULL,
    ALTER COLUMN query_sha256 DROP NOT NULL,
    ADD CONSTRAINT unbegun_runs_failed CHECK (
        num_nulls(model_name, model_version, model_sha256, query_sha256) = 0
        OR extracted_at IS NULL AND rows_extracted IS NULL AND status IN ('running', 'failed', 'abandoned'));
COMMENT ON COLUMN scoring.scoring_runs.model_sha256 IS
    'SHA-256 of the artefact''s bytes; null, as the query''s may be, where the run failed before it began.';
"""


def upgrade() -> None:
    """Let a run be without what it would have scored with, as long as it has extracted nothing."""
    op.execute(UNBEGUN)


def downgrade() -> None:
    """Refuse: runs that failed before they began have no place in the old table."""
    raise NotImplementedError("failures before a run are kept; restore a backup if you mean it")
