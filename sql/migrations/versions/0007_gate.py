"""The gate: what its checks found unusual is kept with the run for analysts to read, and people are told of it."""

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

ALERTS = """
CREATE TABLE scoring.alerts (
    alert_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job        text        NOT NULL,
    score_date date        NOT NULL,
    run_id     bigint      REFERENCES scoring.scoring_runs,
    cause      text        NOT NULL,
    recipient  text        NOT NULL,
    title      text        NOT NULL,
    body       text        NOT NULL,
    raised_at  timestamptz NOT NULL DEFAULT now(),
    repeated   integer     NOT NULL DEFAULT 0,
    reached    text[]      NOT NULL DEFAULT '{}',
    tries      integer     NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    last_error text,
    UNIQUE (recipient, cause)
);
CREATE INDEX alerts_to_send ON scoring.alerts (recipient) WHERE sent_at IS NULL;
COMMENT ON TABLE scoring.alerts IS
    'Messages to people, one a cause, kept until they are sent; then their text goes, since it may name entities.';
COMMENT ON COLUMN scoring.alerts.recipient IS 'The connection that holds the addresses.';
COMMENT ON COLUMN scoring.alerts.reached IS 'Digests of the addresses that have got it.';
COMMENT ON COLUMN scoring.alerts.repeated IS 'How often the same cause came again; these are not sent.';
GRANT SELECT, INSERT, UPDATE ON scoring.alerts TO scoring_writer;

CREATE FUNCTION scoring.erase_alerts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE scoring.alerts SET body = 'Its text was erased.' WHERE job = NEW.job AND sent_at IS NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION scoring.erase_alerts IS
    'With an entity goes the text of the messages that its job has not sent yet: they may name it.';
CREATE TRIGGER erase_alerts AFTER INSERT ON scoring.erasures
    FOR EACH ROW EXECUTE FUNCTION scoring.erase_alerts();
"""


def upgrade() -> None:
    """Add the findings to the run's row with the view that shows them, and the messages."""
    op.execute(FINDINGS)
    op.execute(ALERTS)


def downgrade() -> None:
    """Refuse: nobody could tell any more why a run was held."""
    raise NotImplementedError("the findings are not thrown away; restore a backup if you mean it")
