-- name: add
-- Enters a token by its digest, and gives its number.
INSERT INTO scoring.api_tokens (client, jobs, token_sha256, expires_at)
VALUES (:client, :jobs, :digest, now() + make_interval(days => CAST(:days AS integer)))
RETURNING token_id

-- name: revoke
-- Withdraws a client's tokens, or one of them, and gives their numbers.
UPDATE scoring.api_tokens SET revoked_at = now()
WHERE client = :client AND revoked_at IS NULL AND (CAST(:number AS bigint) IS NULL OR token_id = :number)
RETURNING token_id

-- name: list
-- Every token but its digest, the newest last.
SELECT token_id, client, jobs, granted_by, granted_at, expires_at, revoked_at
FROM scoring.api_tokens ORDER BY token_id

-- name: usable
-- The digests that let somebody in now, each with the client and its jobs.
SELECT token_sha256, client, jobs, expires_at
FROM scoring.api_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
