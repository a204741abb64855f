-- Messages to people.

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
COMMENT ON TABLE scoring.alerts IS
    'Messages to people, one a cause, kept until they are sent; then their text goes, since it may name entities.';
COMMENT ON COLUMN scoring.alerts.recipient IS 'The connection that holds the addresses.';
COMMENT ON COLUMN scoring.alerts.repeated IS 'How often the same cause came again; these are not sent.';
COMMENT ON COLUMN scoring.alerts.reached IS 'Digests of the addresses that have got it.';
CREATE INDEX alerts_to_send ON scoring.alerts (recipient) WHERE sent_at IS NULL;
