-- name: server
-- The server's version, the database, the login, and the role that owns the schema where the login is no member of it.
SELECT current_setting('server_version_num')::integer / 10000 AS version, current_setting('server_version') AS release,
       current_database() AS database, current_user AS login,
       (SELECT pg_get_userbyid(nspowner) FROM pg_namespace
        WHERE nspname = 'scoring' AND NOT pg_has_role(nspowner, 'USAGE')) AS stranger

-- name: missing
-- The statements for a superuser that make what the database lacks and the login may not make. No role but a superuser
-- may make a schema for another, or a role without CREATEROLE.
SELECT format('CREATE SCHEMA scoring AUTHORIZATION %I;', current_user)
WHERE to_regnamespace('scoring') IS NULL AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT format('CREATE ROLE %I NOLOGIN;', role)
FROM unnest(CAST(:roles AS text[])) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
  AND NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)
UNION ALL
SELECT 'GRANT scoring_job_analyst TO scoring_analyst;'
WHERE NOT EXISTS (SELECT FROM pg_auth_members AS member
                  JOIN pg_roles AS granted ON granted.oid = member.roleid AND granted.rolname = 'scoring_job_analyst'
                  JOIN pg_roles AS holder ON holder.oid = member.member AND holder.rolname = 'scoring_analyst')
  AND NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)
UNION ALL
SELECT format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC;', current_database())
WHERE (has_database_privilege('public', current_database(), 'TEMPORARY')
       OR has_database_privilege('public', current_database(), 'CREATE'))
  AND NOT (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database())
