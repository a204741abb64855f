-- name: claim
-- Claims a part for writing, and gives its number; null where another try has written it.
SELECT scoring.claim_part($1, CAST($2 AS integer), $3, $4, $5)
