-- name: claim
-- The open alarm of a job, where no other trigger has had a candidate trained for it; from now on this one has.
WITH claimed AS (
    UPDATE scoring.quality_incidents SET told = told || CAST(:mark AS text)
    WHERE job = :job AND ended_on IS NULL
          AND NOT EXISTS (SELECT FROM unnest(told) AS one WHERE starts_with(one, 'training by '))
    RETURNING began_on
)
SELECT began_on FROM claimed
UNION ALL
SELECT began_on FROM scoring.quality_incidents
WHERE job = :job AND ended_on IS NULL AND CAST(:mark AS text) = ANY (told)
