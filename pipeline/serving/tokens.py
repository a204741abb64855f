"""Bearer tokens: 256 random bits for a client, of which the database keeps the digest alone.

Nobody guesses 256 bits, whatever the digest costs: one round of SHA-256 is enough, and a slow hash is for passwords.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.databases.postgres_errors import translated_errors
from pipeline.errors import UsageError

_SQL = statements.load("serving/tokens")

# What a token begins with, so that a scanner finds one that has got into a repository.
PREFIX = "scoring_"


class TokenError(UsageError):
    """A token that cannot be made or withdrawn as asked."""


@dataclass(frozen=True)
class Grant:
    """What a token is good for.

    Attributes:
        client: whose it is.
        jobs: of which it may ask; every one where none is named.
        expires_at: from when on it is none.
    """

    client: str
    jobs: frozenset[str]
    expires_at: datetime | None

    def allows(self, job: str) -> bool:
        """Whether it is good for a job."""
        return not self.jobs or job in self.jobs


@dataclass(frozen=True)
class Tokens:
    """The tokens that count, as they were read last, by their digests."""

    grants: Mapping[str, Grant] = field(default_factory=dict)

    @classmethod
    def read(cls, database_url: str) -> "Tokens":
        """All that count now, as the API's login reads them.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        with engine(database_url).connect() as connection:
            rows = connection.execute(sa.text(_SQL["usable"])).all()
        return cls({row.token_sha256: Grant(row.client, frozenset(row.jobs), row.expires_at) for row in rows})

    def grant(self, token: str) -> Grant | None:
        """What a token is good for; None where it is none of ours, or is over.

        A digest is looked for, and not the token: how long that takes says nothing of one that is right.
        """
        grant = self.grants.get(digest_of(token))
        over = grant is not None and grant.expires_at is not None and grant.expires_at <= datetime.now(UTC)
        return None if over else grant


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def add(database_url: str, client: str, jobs: Sequence[str], days: int | None) -> str:
    """Make a token, as the schema's owner; nobody sees it again.

    Raises:
        TokenError: the database refuses, such as a client's name.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"client": client, "jobs": list(jobs), "digest": digest_of(token), "days": days}
    _write(database_url, _SQL["add"], values, client)
    return token


def revoke(database_url: str, client: str, number: int | None) -> list[int]:
    """Withdraw a client's tokens, or the one of that number, as the schema's owner; gives their numbers.

    Raises:
        TokenError: it has none that counts.
    """
    numbers = _write(database_url, _SQL["revoke"], {"client": client, "number": number}, client)
    if not numbers:
        which = "no token" if number is None else f"no token {number}"
        raise TokenError(
            f"client {client!r} has {which} that counts. See which there are: scoring tokens list"
        )
    return numbers


def every(database_url: str) -> list[dict[str, Any]]:
    """All tokens that were ever made, as the schema's owner, without what is kept of them."""
    with engine(database_url).connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(_SQL["list"])).mappings()]


def _write(database_url: str, statement: str, values: Mapping[str, Any], client: str) -> list[int]:
    with (
        translated_errors(f"token of {client!r}", TokenError, {"23514": _NAME}),
        engine(database_url).begin() as connection,
    ):
        return [int(number) for number in connection.execute(sa.text(statement), values).scalars()]


_NAME = "A client's name has up to 100 letters, digits and ._@-; days are a positive number."
