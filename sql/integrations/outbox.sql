-- name: enqueue
-- Enters a message, or counts one more of the same cause; gives how often it was repeated.
INSERT INTO scoring.alerts AS queued (job, score_date, run_id, cause, recipient, title, body)
VALUES (:job, :score_date, :run_id, :cause, :recipient, :title, :body)
ON CONFLICT (recipient, cause) DO UPDATE SET repeated = queued.repeated + 1 RETURNING repeated

-- name: any_waiting
-- A row if a message of the last week has not been sent.
SELECT FROM scoring.alerts
WHERE recipient = :recipient AND sent_at IS NULL AND raised_at > now() - interval '7 days' LIMIT 1

-- name: waiting
-- The messages of the last week that have not been sent, locked until the transaction ends.
SELECT alert_id, reached, title, body FROM scoring.alerts
WHERE recipient = :recipient AND sent_at IS NULL AND raised_at > now() - interval '7 days'
ORDER BY alert_id LIMIT 50 FOR UPDATE SKIP LOCKED

-- name: sent
-- Notes a try to send; once it has succeeded the text goes, which may name entities.
UPDATE scoring.alerts
SET reached = :reached, tries = tries + 1, last_error = :error,
    sent_at = CASE WHEN CAST(:error AS text) IS NULL THEN now() END,
    body = CASE WHEN CAST(:error AS text) IS NULL THEN '' ELSE body END
WHERE alert_id = :alert_id

-- name: newest
-- The newest messages first, without their texts.
SELECT alert_id, job, score_date, run_id, title, recipient, raised_at, sent_at, repeated, tries, last_error
FROM scoring.alerts
ORDER BY alert_id DESC LIMIT :limit
