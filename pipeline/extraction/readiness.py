"""Whether the rows of a score date are complete, as the job's query `ready.query` says, and what follows where not.

A run that begins too early would publish a part of a day. It begins after a look that said yes, or as a run that says
of itself that it did not wait long enough.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection
from pipeline.config.workspace import Workspace
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.payloads import Finding, Readiness, Run, RunRequest
from pipeline.runs import code_version

# Between two looks: a while, then ever longer with the time that has passed, and never so long that it matters.
_FIRST_PAUSE, _LATER_PAUSES, _LONGEST_PAUSE = timedelta(seconds=15), 0.05, timedelta(minutes=5)
_FOLLOWS = {"fail": "is not scored", "hold": "is scored and held", "score": "is scored all the same"}
_ANSWERS = {"true": True, "1": True, "false": False, "0": False}
# Databases that have booleans: in the others 1 and 0 are what a comparison gives.
_WITH_BOOLEANS = ("postgresql", "duckdb")


class ReadinessError(ScoringError):
    """A ready query that says neither yes nor no."""


class NotReady(ScoringError):
    """Rows that are not complete, of a job that scores no others."""


def look(workspace: Workspace, job: Job, ready: ReadySection, score_date: date) -> Readiness:
    """Ask a job's warehouse once whether the rows of a score date are complete.

    Args:
        workspace: folders and databases.
        job: what is to be scored.
        ready: the job's section.
        score_date: the day whose rows are asked for.

    Raises:
        ReadinessError: the query gives more than one row or column, NULL, or what is no boolean.
        WarehouseError: there is no such query, or the database refused it.
    """
    text = queries.read(workspace.home / "sql", ready.query)
    query = Query(text, dates.query_values(score_date, job.zone), ready.query)
    return Readiness(
        ready=_answer(workspace.warehouse, query, score_date), seconds=0, sha256=code_version.sha256_of(text)
    )


def once(workspace: Workspace, job: Job, score_date: date, request: RunRequest) -> RunRequest:
    """What a run was asked for, with what one look has seen; a job that does not ask has none.

    Raises:
        NotReady: the rows are not complete, and the job says to score no others.
        ScoringError: as `look` does.
    """
    if job.ready is None or request.readiness is not None:
        return request
    seen = look(workspace, job, job.ready, score_date)
    return request.model_copy(update={"readiness": resolve(job, job.ready, score_date, seen)})


def resolve(job: Job, ready: ReadySection, score_date: date, seen: Readiness) -> Readiness:
    """Go on with what was seen last, as the job says.

    Args:
        job: what is to be scored.
        ready: the job's section.
        score_date: the day whose rows were asked for.
        seen: by the last look.

    Raises:
        NotReady: the rows are not complete, and the job says to score no others.
    """
    if not seen.ready and ready.on_timeout == "fail":
        raise NotReady(
            f"{job.name} {score_date}: {describe(ready, seen)}. What was published before stays. Once the rows are "
            "loaded, clear the task `ready`; on the command line, score the day again. To score such a day all the "
            "same, set ready.on_timeout."
        )
    return seen


def describe(ready: ReadySection, seen: Readiness) -> str:
    """What was seen, in a sentence without its point; and what follows from it."""
    reason = f"as {ready.query} says{_waited(seen)}"
    if seen.ready:
        return f"the source is ready, {reason}"
    return (
        f"the source is not ready, {reason}, so the day {_FOLLOWS[ready.on_timeout]} (ready.on_timeout = "
        f'"{ready.on_timeout}")'
    )


def pause(seconds: float) -> timedelta:
    """How long a run sleeps until its next look, after it has waited for so many seconds."""
    return min(max(_FIRST_PAUSE, timedelta(seconds=_LATER_PAUSES * seconds)), _LONGEST_PAUSE)


def findings(job: Job, run: Run) -> Iterator[Finding]:
    """The finding that a run was scored though its source was not ready."""
    if job.ready and run.readiness and not run.readiness.ready:
        action: Literal["warn", "hold"] = "hold" if job.ready.on_timeout == "hold" else "warn"
        message = (
            f"the rows of {run.score_date} may not be complete: {job.ready.query} said that the source was not ready"
            f"{_waited(run.readiness)}"
        )
        yield Finding(check="ready", action=action, message=message)


def metrics(run: Run) -> dict[str, float]:
    """What is kept of it with the run: whether the source was ready, and how long was waited for it."""
    seen = run.readiness
    return {"ready": float(seen.ready), "ready_seconds": seen.seconds} if seen else {}


def _answer(address: str, query: Query, score_date: date) -> bool:
    with warehouse.stream(address, query) as reader:
        names, columns = reader.schema.names, reader.schema
        if len(names) != 1:
            raise ReadinessError(
                f"{query.file}: {len(names)} columns: {', '.join(names) or 'none'}. Select one: a boolean, whether the "
                "rows of :score_date are complete."
            )
        values = list(islice((value for batch in reader for value in batch.column(0)), 2))
    if len(values) > 1:
        raise ReadinessError(
            f"{query.file}: more than one row on {score_date}. Aggregate to one row with one boolean, such as "
            "bool_and(loaded)."
        )
    return bool(values) and _boolean(values[0], columns.field(0), address, query.file)


def _boolean(value: pa.Scalar, field: pa.Field, address: str, origin: str) -> bool:
    plain: Any = value.as_py()
    if plain is None:
        raise ReadinessError(
            f"{origin}: NULL, which says neither yes nor no. Write coalesce(..., false) around {field.name!r}."
        )
    answer = _ANSWERS.get(str(plain).lower()) if _is_boolean(field.type, address) else None
    if answer is None:
        raise ReadinessError(
            f"{origin}: column {field.name!r} is {plain!r}, which is no boolean. Compare it, as in count(*) >= 20, so "
            "that it says true or false.",
            private=[repr(plain)],
        )
    return answer


def _is_boolean(kind: pa.DataType, address: str) -> bool:
    named = kind.type_name if isinstance(kind, pa.OpaqueType) else ""
    if pa.types.is_boolean(kind) or named == "boolean":
        return True
    number = pa.types.is_integer(kind) or named in ("integer", "numeric")
    return number and sa.make_url(address).get_backend_name() not in _WITH_BOOLEANS


def _waited(seen: Readiness) -> str:
    if not seen.seconds:
        return ""
    minutes, seconds = divmod(round(seen.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f" after {hours} h {minutes} min" if hours else f" after {minutes} min {seconds} s"
