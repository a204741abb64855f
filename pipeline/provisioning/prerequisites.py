"""What `migrate` needs of a server and of its login, looked at before anything is changed."""

import sqlalchemy as sa

from pipeline.errors import UsageError

# The oldest major version that the tests run on.
OLDEST = 15
# Roles without a login, whose members may do one thing each. Revisions give them their rights.
ROLES = ("scoring_writer", "scoring_approver", "scoring_janitor", "scoring_job_analyst", "scoring_analyst")


class PrerequisiteError(UsageError):
    """The server is too old, or the login lacks a right that somebody else has to give."""


def require(connection: sa.Connection) -> None:
    """Refuse a server that is too old, and a login that can't make what is missing.

    Where the schema and the roles are there, the login needs no right but to own the schema.

    Args:
        connection: to the predictions database, as its owner.

    Raises:
        PrerequisiteError: the message says what was seen, and what to do.
    """
    server = connection.execute(sa.text(_SERVER)).one()
    if server.version < OLDEST:
        raise PrerequisiteError(
            f"the server of database {server.database} is PostgreSQL {server.release}; {OLDEST} is the oldest that is "
            "supported. Upgrade the server, or point the connection predictions_owner at a newer one."
        )
    if server.stranger is not None:
        raise PrerequisiteError(
            f"the schema scoring of database {server.database} belongs to {server.stranger}, and the connection "
            f"predictions_owner logs in as {server.login}. Give the connection the login of {server.stranger}."
        )
    missing = list(connection.execute(sa.text(_MISSING), {"roles": list(ROLES)}).scalars())
    if missing:
        raise PrerequisiteError(
            f"the login {server.login} may not make what database {server.database} lacks. Have a superuser run, in "
            f"that database: {' '.join(missing)} Then migrate again."
        )


_SERVER = """
SELECT current_setting('server_version_num')::integer / 10000 AS version, current_setting('server_version') AS release,
       current_database() AS database, current_user AS login,
       (SELECT pg_get_userbyid(nspowner) FROM pg_namespace
        WHERE nspname = 'scoring' AND NOT pg_has_role(nspowner, 'USAGE')) AS stranger
"""
# No role but a superuser may make a schema for another, or a role without CREATEROLE.
_MISSING = """
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
"""
