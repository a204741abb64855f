"""What `migrate` needs of a server and of its login, looked at before anything is changed."""

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.errors import UsageError

_SQL = statements.load("provisioning/prerequisites")
# The oldest major version that the tests run on.
OLDEST = 15
# Roles without a login, whose members may do one thing each. sql/schema/grants.sql gives them their rights.
ROLES = (
    "scoring_writer",
    "scoring_approver",
    "scoring_janitor",
    "scoring_watcher",
    "scoring_api",
    "scoring_job_analyst",
    "scoring_analyst",
)


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
    server = connection.execute(sa.text(_SQL["server"])).one()
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
    missing = list(connection.execute(sa.text(_SQL["missing"]), {"roles": list(ROLES)}).scalars())
    if missing:
        raise PrerequisiteError(
            f"the login {server.login} may not make what database {server.database} lacks. Have a superuser run, in "
            f"that database: {' '.join(missing)} Then migrate again."
        )
