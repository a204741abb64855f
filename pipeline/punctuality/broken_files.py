"""Files that cannot be used, so that nothing is scored: a failed run for every day of it, and one message."""

import hashlib
import tomllib
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from pipeline.config import dates, loader
from pipeline.config.job import Job, JobError
from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.integrations import outbox
from pipeline.plain_text import paragraph
from pipeline.runs import failures
from pipeline.text_files import decoded

_SQL = statements.load("punctuality/broken_files")

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Broken:
    """A job that cannot run.

    Attributes:
        job: its name.
        file: the file that cannot be used: its own, or one that makes all DAGs.
        reason: why, and what to do.
        sha256: digest of the job file.
        score_date: the day that is due, as far as anybody knows.
        zone: the time zone of that day.
        predictions: id of the connection to the predictions database.
        recipient: id of the connection that gets its messages; None where the file does not say.
        owner: who puts it right; empty where the file does not say.
    """

    job: str
    file: str
    reason: str
    sha256: str
    score_date: date
    zone: ZoneInfo = _UTC
    predictions: str = "predictions"
    recipient: str | None = None
    owner: str = ""


def read_all(folder: Path) -> tuple[list[Job], list[Broken]]:
    """Every job of a folder, and those whose files cannot be used."""
    usable: list[Job] = []
    broken: list[Broken] = []
    for path in loader.files(folder):
        try:
            usable.append(loader.read(path))
        except JobError as error:
            broken.append(_of_file(path, str(error)))
    return usable, broken


def of_job(job: Job, file: str, reason: str) -> Broken:
    """A job whose own file is good, and which cannot run for another one."""
    today = datetime.now(job.zone).date() - timedelta(days=job.days_back)
    return Broken(
        job.name, file, reason, job.sha256, today, job.zone, job.write.connection, job.alerts.to, job.owner
    )


def note(database_url: str, broken: Broken) -> int | None:
    """Note a failed run of the day, where none of the day is published; returns its number."""
    values = {"job": broken.job, "score_date": broken.score_date}
    with engine(database_url).connect() as connection:
        if connection.execute(sa.text(_PUBLISHED), values).scalar_one():
            return None
    return failures.note(
        database_url,
        failures.Failure(
            job=broken.job,
            score_date=broken.score_date,
            interval=dates.interval(broken.score_date, broken.zone),
            trigger=f"inspect {broken.file} {_mark(broken.reason)}",
            reason=broken.reason,
            job_sha256=broken.sha256,
        ),
        begin=True,
    )


def since(database_url: str, broken: Broken, now: datetime) -> datetime | None:
    """Since when a job's own file cannot be used, which is entered where it is news; None for any other file."""
    with engine(database_url).begin() as connection:
        return since_in(connection, broken, now)[0]


def since_in(connection: sa.Connection, broken: Broken, now: datetime) -> tuple[datetime | None, bool]:
    """The same, in the caller's transaction, and whether it is news."""
    if broken.file != f"{broken.job}.toml":
        return None, False
    is_new = connection.execute(sa.text(_SQL["broken"]), {"job": broken.job, "now": now}).first() is not None
    began = connection.execute(sa.text(_SQL["broken_since"]), {"job": broken.job}).scalar_one()
    return began, is_new


def recipients(database_url: str, broken: Broken, others: Iterable[Job]) -> list[str]:
    """Who gets the message: whom the file names, else who got the job's before, else who gets those of other jobs."""
    with engine(database_url).connect() as connection:
        return recipients_in(connection, broken, others)


def recipients_in(connection: sa.Connection, broken: Broken, others: Iterable[Job]) -> list[str]:
    """The same, in the caller's transaction."""
    if broken.recipient:
        return [broken.recipient]
    before = connection.execute(sa.text(_SQL["before"]), {"job": broken.job}).scalars().all()
    return list(before) or sorted({job.alerts.to for job in others if job.alerts.to})


def message(broken: Broken, began: datetime | None, page: str | None = None) -> outbox.Alert:
    """The message, of which a recipient gets one for each cause, however many jobs it is about.

    Args:
        broken: what cannot be used.
        began: since when; a file that was put right and breaks again the same way is news. None where nobody knows.
        page: address of the task that saw it, with its log; None where a watch did.
    """
    when = f" since {began.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if began else ""
    body = [
        paragraph(broken.reason),
        "Until that is put right, no day of the job is scored. What was published before stays.",
        "$ scoring jobs",
        *([f"Seen by: {page}"] if page else []),
        *([f"Owner: {broken.owner}"] if broken.owner else []),
    ]
    return outbox.Alert(
        job=broken.job,
        score_date=broken.score_date,
        cause=f"{broken.file} cannot be used{when}: {_mark(broken.reason)}",
        title=f"{broken.job} {broken.score_date}: {broken.file} cannot be used",
        body="\n\n".join(body),
    )


def named(usable: Collection[Job], broken: Collection[Broken]) -> set[str]:
    """Ids of the connections that `note` and the messages need."""
    ids = {(job.write.connection, job.alerts.to) for job in usable}
    ids |= {(file.predictions, file.recipient) for file in broken}
    return {conn_id for pair in ids for conn_id in pair if conn_id}


def _of_file(path: Path, reason: str) -> Broken:
    """What can be told of a job from a file that is wrong somewhere, or no TOML at all."""
    content, settings = b"", {}
    with suppress(OSError, ValueError, RecursionError):
        content = path.read_bytes() if path.is_file() else b""
        settings = tomllib.loads(decoded(content))
    broken = Broken(
        _readable(path.stem),
        _readable(path.name),
        _readable(reason),
        hashlib.sha256(content).hexdigest(),
        datetime.now(UTC).date(),
    )
    return replace(
        broken,
        predictions=_word(settings, "write", "connection") or broken.predictions,
        recipient=_word(settings, "alerts", "to"),
        owner=str(settings.get("owner", "")),
    )


def _readable(text: str) -> str:
    """Without the bytes of a file's name that are no UTF-8, which no database or terminal takes."""
    return text.encode(errors="replace").decode()


def _word(settings: dict[str, Any], section: str, key: str) -> str | None:
    """A connection id, where the file has one there."""
    values = settings.get(section)
    value = values.get(key) if isinstance(values, dict) else None
    return value if isinstance(value, str) and value.isidentifier() else None


def _mark(reason: str) -> str:
    return hashlib.sha256(reason.encode()).hexdigest()[:12]


_PUBLISHED = "SELECT EXISTS (SELECT FROM scoring.current_runs WHERE job = :job AND score_date = :score_date)"
