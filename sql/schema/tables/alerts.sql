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
    'Messages to people, one a cause, kept until they are sent. Then their text goes, since it may name entities.';
COMMENT ON COLUMN scoring.alerts.alert_id IS 'The message''s number.';
COMMENT ON COLUMN scoring.alerts.job IS 'The job that the message is about.';
COMMENT ON COLUMN scoring.alerts.score_date IS 'The score date that it is about.';
COMMENT ON COLUMN scoring.alerts.run_id IS 'The run that it is about; null where there is none.';
COMMENT ON COLUMN scoring.alerts.cause IS
    'What happened, in a form that is the same each time: one cause makes one message.';
COMMENT ON COLUMN scoring.alerts.recipient IS 'The connection that holds the addresses.';
COMMENT ON COLUMN scoring.alerts.title IS 'The subject.';
COMMENT ON COLUMN scoring.alerts.body IS 'The text; removed once everybody has it.';
COMMENT ON COLUMN scoring.alerts.raised_at IS 'When the cause came up.';
COMMENT ON COLUMN scoring.alerts.repeated IS 'How often the same cause came again; these are not sent.';
COMMENT ON COLUMN scoring.alerts.reached IS 'Digests of the addresses that have got it.';
COMMENT ON COLUMN scoring.alerts.tries IS 'How often sending was tried.';
COMMENT ON COLUMN scoring.alerts.sent_at IS 'When everybody had it; null while it waits.';
COMMENT ON COLUMN scoring.alerts.last_error IS 'Why the last try did not reach everybody.';
CREATE INDEX alerts_to_send ON scoring.alerts (recipient) WHERE sent_at IS NULL;
