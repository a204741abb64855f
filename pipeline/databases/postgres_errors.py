"""Errors of Postgres and its drivers: which are refusals, what to do about them, and which pass by themselves."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import adbc_driver_postgresql.dbapi as adbc
import sqlalchemy as sa

from pipeline import errors
from pipeline.databases import connections
from pipeline.databases.queries import WarehouseError
from pipeline.errors import ScoringError

# SQLSTATEs of faults that may be gone at the next try: a connection lost, a session ended for being idle, a
# transaction rolled back (deadlock, a standby that had to go on), no disk, memory or session left, a lock that was not
# to be had, a server that stops or starts, a system error. Whatever else a server says would be said again.
_PASSING = ("08", "25P03", "40", "53", "55", "57P", "58", "XX")

_TOO_LATE = (
    "It is not tried again, for it would take as long. Make the query faster or its rows fewer, or give the role "
    "more time: ALTER ROLE ... SET statement_timeout."
)
# What an error says of a connection -> what to do.
_REMEDIES = {
    "SSL error: certificate verify failed|root certificate file|server certificate for .* does not match": "Correct "
    "the connection's host and sslrootcert, which is the file of the authority that signed the server's certificate.",
    "unsupported startup parameter": "PgBouncer takes no options in a connection's URI: remove them there, and set "
    "them with ALTER ROLE ... SET.",
}


@contextmanager
def naming(uri: str, *kinds: type[Exception]) -> Iterator[None]:
    """Have a driver's errors of these kinds say which database they come from."""
    try:
        yield
    except kinds as error:
        errors.at(error, connections.database(uri))
        raise


@contextmanager
def translated_errors(
    origin: str, kind: type[ScoringError] = WarehouseError, remedies: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Turn a server's refusal of a statement into an error of ours; let lost connections and their like pass.

    Args:
        origin: what was asked, for the message.
        kind: the error's class.
        remedies: how a SQLSTATE begins -> what to do, where the server's own words do not say it.

    Raises:
        ScoringError: of that class: the server refused, and would refuse again.
    """
    try:
        yield
    except (adbc.Error, sa.exc.DBAPIError) as error:
        state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
        if not state and (reason := _driver_refusal(error)):
            raise kind(f"{origin}: {reason}") from error
        if not state or state.startswith(_PASSING):
            raise
        reason = re.split(r"Query was:|\. SQLSTATE", str(getattr(error, "orig", error)))[0]
        refusal = (
            f"{origin}: the database refused the query: {' '.join(reason.rpartition('ERROR:')[2].split())}"
        )
        of_states = {"57014": _TOO_LATE, **(remedies or {})}
        advice = [text for begin, text in of_states.items() if state.startswith(begin)]
        raise kind(". ".join([refusal, *advice])) from error


def _driver_refusal(error: Exception) -> str:
    """Why the driver refused what the server has given, as it would again; empty where it did not."""
    text = str(error)
    if unreadable := re.search(r"ReadRecord failed at row (\d+): (.*)", text, re.DOTALL):
        return (
            f"a value of row {unreadable[1]} cannot be read: {' '.join(unreadable[2].split())}. Take its column out of "
            "the query, or have it as text: column::text AS column"
        )
    if re.search(r"Failed to execute query '.*':\s*\Z", text, re.DOTALL):
        # The server had no error; it had no rows either.
        return "the database has no rows to give for it. Write one SELECT, and no other statement."
    return ""


def remedy(error: BaseException) -> str:
    """What to do about a connection that was refused for what its URI says, and would be again; empty for the rest."""
    return next((text for pattern, text in _REMEDIES.items() if re.search(pattern, str(error))), "")
