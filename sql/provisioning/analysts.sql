-- name: role
-- Whether a role is a superuser; no row where there is no such role.
SELECT rolsuper FROM pg_roles WHERE rolname = :role

-- name: grant
-- Lets a role read some jobs more, or where none is named every job.
SELECT scoring.grant_analyst(:role, CAST(:jobs AS text[]))

-- name: revoke
-- Has a role read some jobs no more, or where none is named nothing.
SELECT scoring.revoke_analyst(:role, CAST(:jobs AS text[]))

-- name: reading
-- Whether a role reads every job, and those that it was granted by name.
SELECT pg_has_role(oid, 'scoring_analyst', 'MEMBER') AS every,
       ARRAY(SELECT job FROM scoring.analyst_jobs WHERE role = rolname AND role_id = oid ORDER BY job) AS jobs
FROM pg_roles WHERE rolname = :role

-- name: refusal
-- The statement that is missing where a role's groups give it no rights; no row where they do.
SELECT format('ALTER ROLE %I INHERIT', rolname)
FROM pg_roles WHERE rolname = :role AND NOT pg_has_role(oid, 'scoring_job_analyst', 'USAGE')

-- name: memberships
-- What makes a role a member of scoring_analyst: a grant of its own, or groups.
SELECT CASE WHEN member.rolname = :role THEN 'a grant of ' || grantor::regrole ELSE 'the group ' || member.rolname END
FROM pg_auth_members JOIN pg_roles AS member ON member.oid = pg_auth_members.member
WHERE roleid = to_regrole('scoring_analyst') AND pg_has_role(to_regrole(quote_ident(:role)), member.oid, 'MEMBER')
ORDER BY 1

-- name: with_runs
-- Those of some jobs that have run.
SELECT DISTINCT job FROM scoring.scoring_runs WHERE job = ANY(:jobs)
