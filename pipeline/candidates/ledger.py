"""Candidates in the predictions database: entered once, listed, and named by those that use one."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pipeline.candidates.candidate import Candidate, Draft
from pipeline.databases import postgres_errors, statements
from pipeline.databases.postgres import engine
from pipeline.errors import ScoringError

_SQL = statements.load("candidates/ledger")

_REMEDY = "Run `scoring migrate`, and make the connection's role a member of scoring_writer."
_JSON = ("files", "evaluation")


class CandidateError(ScoringError):
    """A candidate that is not there, or cannot be entered."""


def enter(database_url: str, draft: Draft, trained_by: str) -> int:
    """Enter a candidate; returns its number. The same try again gives the same number.

    Args:
        database_url: of the predictions database.
        draft: the candidate.
        trained_by: what had it trained, such as an Airflow DAG run.

    Raises:
        CandidateError: the database refuses.
    """
    with _refusals(), engine(database_url).begin() as connection:
        return write(connection, draft, trained_by)


def write(connection: sa.Connection, draft: Draft, trained_by: str) -> int:
    """Enter a candidate in the caller's transaction, as `enter` does."""
    values = draft.model_dump(mode="json") | {"trained_by": trained_by}
    values |= {name: json.dumps(values[name], allow_nan=False) for name in _JSON}
    return int(connection.execute(sa.text(_SQL["enter"]), values).scalar_one())


def listed(database_url: str, job: str | None = None, limit: int = 50) -> list[Candidate]:
    """The newest candidates first, of one job or of every one."""
    return _read(database_url, _SQL["listed"], {"job": job, "limit": limit})


def latest(database_url: str, job: str) -> Candidate | None:
    """The newest candidate of a job; None where it has none."""
    return next(iter(listed(database_url, job, 1)), None)


def find(database_url: str, job: str, number: int) -> Candidate:
    """A job's candidate of that number.

    Raises:
        CandidateError: there is none.
    """
    known = _read(database_url, _SQL["named"], {"job": job, "number": number})
    if not known:
        raise CandidateError(
            f"{job} has no candidate {number}. `scoring candidates {job}` lists those that it has."
        )
    return known[0]


def note_adoption(database_url: str, candidate: Candidate, version: int) -> None:
    """Note that a candidate's text was written into a repository, as that version."""
    values = {"number": candidate.number, "version": version}
    with _refusals(), engine(database_url).begin() as connection:
        connection.execute(sa.text(_SQL["adopted"]), values)


def _read(database_url: str, statement: str, values: Mapping[str, Any]) -> list[Candidate]:
    with _refusals(), engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(statement), values).mappings()
        return [Candidate.model_validate(dict(row)) for row in rows]


def _refusals() -> Any:
    return postgres_errors.translated_errors("predictions", CandidateError, {"42": _REMEDY})
