"""What a process of the API holds: the jobs that it serves, the tokens that count, and its databases."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.databases import connections
from pipeline.runs.code_version import code_version
from pipeline.serving import metrics
from pipeline.serving.models.catalogue import Catalogue, Served
from pipeline.serving.models.scoring import Line
from pipeline.serving.profiles import Profiles
from pipeline.serving.published import lookups
from pipeline.serving.published.connections import Connections
from pipeline.serving.requests import rows
from pipeline.serving.requests.checking import Checked, Terms
from pipeline.serving.requests.limits import Limits, Refused
from pipeline.serving.tokens import Grant, Tokens
from pipeline.version import VERSION

log = logging.getLogger(__name__)

# So often it is looked for new pins and tokens.
REFRESH_SECONDS = 2.0
# The connection whose tokens count; those of other predictions databases are named likewise.
CONNECTION = "predictions_api"
# Jobs and days of which it is remembered what rows are held against.
_TERMS = 256


class Service:
    """One process's state; each request takes of it what it needs when it begins, and ends with that."""

    def __init__(
        self, catalogue: Catalogue, limits: Limits, address: Callable[[str], str] | None = None
    ) -> None:
        """Serve a catalogue.

        Args:
            catalogue: the jobs.
            limits: what is taken.
            address: gives the database_url of a connection; that of AIRFLOW_CONN_<ID> unless given.
        """
        self.catalogue, self.limits = catalogue, limits
        self._address = address or _configured
        self._tokens: Tokens | None = None
        self._databases: dict[str, Connections] = {}
        self._code = code_version()
        self._terms: dict[tuple[str, date, bool], tuple[Served, Terms]] = {}
        self._profiles = Profiles(self._connection_of)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Look at tokens and jobs, and go on doing so."""
        self._tasks = [
            asyncio.create_task(self._again(each))
            for each in (self._read_tokens, self.catalogue.refresh, self._profiles.look)
        ]

    async def end(self) -> None:
        """Stop looking, and end the sessions with databases."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(self._profiles.end)
        for database in self._databases.values():
            await database.close()

    def admit(self, authorization: str | None, job: str | None = None) -> Grant:
        """What the bearer of a token may ask; of a job, whether of that one.

        Raises:
            Refused: it is none that counts, or is not good for that job.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if self._tokens is None:
            raise Refused(503, "no_tokens", "The tokens cannot be read yet. Try again.", Retry_After="2")
        grant = self._tokens.grant(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            raise Refused(
                401,
                "no_token",
                "No token that counts. Send Authorization: Bearer TOKEN; `scoring tokens add CLIENT` makes one.",
                WWW_Authenticate="Bearer",
            )
        if job is not None and not grant.allows(job):
            raise Refused(403, "not_granted", "This token is not good for that job.")
        return grant

    def served(self, job: str) -> Served:
        """A job as it is served now.

        Raises:
            Refused: there is none of that name, or its model is not open.
        """
        if job in self.catalogue.jobs:
            return self.catalogue.jobs[job]
        if job in self.catalogue.problems or not self.catalogue.looked:
            raise Refused(503, "not_open", "The job's model is not open. The log says why.", Retry_After="5")
        raise Refused(404, "no_job", "No job of that name is served.")

    def database(self, served: Served) -> Connections:
        """The predictions database of a job."""
        conn_id = f"{served.job.write.connection}_api"
        if conn_id not in self._databases:
            self._databases[conn_id] = Connections(self._address(conn_id), self.limits)
        return self._databases[conn_id]

    async def score(self, served: Served, wanted: list[Any], score_date: date | None) -> list[Line]:
        """Score a request's rows, or say which rules each broke; an answer a row, in their order.

        Raises:
            Refused: a row has a key that is no column, or the model cannot be asked.
        """
        rows.require_columns(wanted, served.contract)
        terms = self.terms_of(served, score_date)
        # What names its own day is no request of today's: a replay, most likely.
        record = partial(self._record, served, None if score_date else terms.day)
        return await served.model.score(wanted, terms, record)

    def about(self, served: Served) -> dict[str, Any]:
        """What every answer says of what gave it."""
        manifest = served.manifest
        return {
            "job": served.job.name,
            "model": lookups.model(manifest.name, manifest.version, served.pinned.sha256),
        }

    def versions(self) -> dict[str, str]:
        """The code that answers: its digest, and the product's version."""
        return {"code_version": self._code, "pipeline_version": VERSION}

    def terms_of(self, served: Served, score_date: date | None) -> Terms:
        """What rows are held against: the same for all requests that can be checked and counted together."""
        day = score_date or datetime.now(served.job.zone).date()
        key = served.job.name, day, score_date is None
        before = self._terms.get(key)
        if before is None or before[0] is not served:
            if len(self._terms) >= _TERMS:
                self._terms.clear()
            self._terms[key] = served, Terms(served.job, served.contract, served.policy, day)
        return self._terms[key][1]

    def _record(self, served: Served, today: date | None, checked: Checked, answers: list[Line]) -> None:
        """Count what became of rows that were checked and scored together."""
        job = served.job.name
        if today:
            self._profiles.add(job, today, served.pinned, checked.accepted, answers)
        rejected = sum("rejected" in line for line in answers)
        metrics.ROWS.labels(job, "scored").inc(len(answers) - rejected)
        metrics.ROWS.labels(job, "rejected").inc(rejected)
        for rules in checked.counts.values():
            for rule, number in rules.items():
                if number:
                    metrics.VIOLATIONS.labels(job, rule).inc(number)

    def _read_tokens(self) -> None:
        try:
            self._tokens = Tokens.read(self._address(CONNECTION))
        except sa.exc.SQLAlchemyError as error:
            # Those that were read last go on: rows are scored without the database.
            log.error("the tokens cannot be read: %s", type(error).__name__)

    def _connection_of(self, job: str) -> str:
        return self._address(f"{self.catalogue.jobs[job].job.write.connection}_api")

    async def _again(self, look: Callable[[], None]) -> None:
        while True:
            try:
                await asyncio.to_thread(look)
            except Exception as error:  # noqa: BLE001 - the next look is in two seconds
                log.error("%s: %s", type(error).__name__, error)
            await asyncio.sleep(REFRESH_SECONDS)


def of_environment(home: Path, names: tuple[str, ...]) -> Service:
    """The service of a home, with the limits of the environment.

    Raises:
        UsageError: a limit is no positive number.
    """
    limits = Limits.of()
    return Service(Catalogue(home, limits, names), limits)


def _configured(conn_id: str) -> str:
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if variable not in os.environ:
        raise connections.missing(conn_id)
    return connections.postgres(os.environ[variable], conn_id)
