"""The book of runs: who tried what, how far it came, and what it counted."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import bound, engine
from pipeline.databases.postgres_errors import translated_errors
from pipeline.databases.waiting import patiently
from pipeline.errors import NothingToDo, UsageError, kept_text
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.model.requirements import library_versions
from pipeline.payloads import Deployment, RunRequest

_SQL = statements.load("runs/ledger")


class LedgerError(UsageError):
    """A run that is not there, or not in the state that the step needs."""


class Superseded(NothingToDo):
    """This try has been overtaken; it ends and changes nothing."""


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run when it begins.

    Attributes:
        job: the job's name.
        score_date: the day whose rows are scored.
        interval: when that day begins and ends.
        request: what was asked for.
        pinned: the model version.
        deployment: the code, the job file and the query.
    """

    job: str
    score_date: date
    interval: tuple[datetime, datetime]
    request: RunRequest
    pinned: PinnedVersion
    deployment: Deployment


@dataclass(frozen=True)
class PartRecord:
    """One part's line of the ledger, as extraction enters it."""

    part: int
    rows_extracted: int
    rows_rejected: int
    input_sha256: str


def begin(database_url: str, record: RunRecord, claim: Callable[[int], None]) -> int:
    """Open a run and return its id; unfinished tries of the same trigger are abandoned, so that they cannot publish.

    Args:
        database_url: the predictions database.
        record: what is known of the run.
        claim: is called with the run's number before there is a run; what it raises leaves none.

    Raises:
        Superseded: a later try of the same trigger is at work.
        LedgerError: a higher version of the model is published for that score date, and nobody named this one; or the
            predictions database refuses: no such schema, no such right.
    """
    values = {
        "job": record.job,
        "score_date": record.score_date,
        "interval_start": record.interval[0],
        "interval_end": record.interval[1],
        "model_name": record.pinned.manifest.name,
        "model_version": record.pinned.manifest.version,
        "model_sha256": record.pinned.sha256,
        "library_versions": json.dumps(library_versions()),
        "model_named": record.request.model_named,
        "classes": class_names(record.pinned.manifest),
        **record.deployment.model_dump(),
        **record.request.model_dump(exclude={"model_version", "readiness"}),
    }
    with refusing():
        return patiently(
            database_url,
            f"{record.job} {record.score_date}: beginning a run",
            lambda connection: _begin(connection, values, claim),
        )


def extracted(database_url: str, run_id: int, lines: Sequence[PartRecord]) -> None:
    """Enter a run's parts: rows extracted, rows rejected and the SHA-256 of each.

    Raises:
        Superseded: another try has taken over.
    """
    # The counts too: rows that are rejected are in no part, and a run that has other ones has another input.
    counts = "".join(f"{line.rows_extracted} {line.rows_rejected} {line.input_sha256}\n" for line in lines)
    digest = hashlib.sha256(counts.encode()).hexdigest()
    with engine(database_url).begin() as connection:
        hold_open(connection, run_id)
        if lines:
            connection.execute(sa.text(_SQL["part"]), [{**asdict(line), "run_id": run_id} for line in lines])
        connection.execute(sa.text(_SQL["extracted"]), {"run_id": run_id, "input_sha256": digest})


def note_failure(database_url: str, run_id: int, reason: str) -> None:
    """Note in a run's row why a stage failed that cannot reach the ledger; a run that was closed stays as it is."""
    with refusing():
        close(database_url, run_id, "failed", reason)


def close(database_url: str, run_id: int, status: str, reason: str) -> None:
    """End an open run without publishing it: `abandoned`, `failed` or `held`. Other runs stay as they are."""
    with engine(database_url).begin() as connection:
        connection.execute(
            sa.text(_SQL["close"]), {"run_id": run_id, "status": status, "reason": reason[:2000]}
        )


@contextmanager
def open_run(database_url: str, run_id: int) -> Iterator[None]:
    """Around a stage's work: goes on with an open run, and notes a failure in its row for a person to read.

    Raises:
        Superseded: the run has been closed or published meanwhile.
        LedgerError: the predictions database refused a statement, and would again.
    """
    try:
        with refusing(), engine(database_url).begin() as connection:
            # The change comes before the look: two stages that resume a failed run at once would else each wait for
            # the other's shared lock to go away.
            connection.execute(sa.text(_SQL["resume"]), {"run_id": run_id})
            hold_open(connection, run_id)
        with refusing():
            yield
    except NothingToDo:
        raise
    except BaseException as error:  # noted and raised again, whatever it is: an error, or a signal to end
        # When the database is what failed, its error is the one to show.
        with suppress(sa.exc.SQLAlchemyError):
            close(database_url, run_id, "failed", kept_text(error))
        raise


def write_as(cursor: Any, run_id: int) -> None:
    """Let an ADBC session insert rows of an open run, and hold the run open until its transaction ends.

    Raises:
        Superseded: the run was closed or published meanwhile.
    """
    bound(cursor)
    cursor.execute(_WRITE_AS, (run_id,))
    require_open(cursor.fetch_arrow_table().to_pylist()[0])


def _begin(connection: sa.Connection, values: Mapping[str, Any], claim: Callable[[int], None]) -> int:
    if not values["dry_run"] and not values["model_named"]:
        # `scoring.publish` would refuse it in the end; here no work is lost yet.
        refusal = connection.execute(sa.text(_OLDER_MODEL), values).scalar_one()
        if refusal is not None:
            raise LedgerError(refusal)
    connection.execute(sa.text("SELECT scoring.ensure_partition(:score_date)"), values)
    # Tries that begin at once do not see each other's rows: one after the other, each takes over from the last.
    connection.execute(sa.text("SELECT scoring.lock_night(:job, :score_date)"), values)
    later = connection.execute(sa.text(_SQL["later"]), values).one_or_none()
    if later is not None:
        raise Superseded(
            f"try {later.attempt} of {values['trigger']} is at work on run {later.run_id}: nothing to do"
        )
    enter_classes(connection, values["model_sha256"], values["classes"])
    run_id: int = connection.execute(sa.text(_SQL["begin"]), values).scalar_one()
    connection.execute(sa.text(_SQL["take_over"]), {**values, "run_id": run_id})
    claim(run_id)
    return run_id


def class_names(manifest: Manifest) -> list[str]:
    """What the numbers in `class_scores` are probabilities of, in their order; none but for multiclass models."""
    return list(manifest.classes) if manifest.task == "multiclass" else []


def enter_classes(connection: sa.Connection, model_sha256: str, classes: Sequence[str]) -> None:
    """Enter the names of a multiclass model's classes, by which analysts read its probabilities.

    Raises:
        LedgerError: other names are there.
    """
    if classes:
        values = {"model_sha256": model_sha256, "classes": list(classes)}
        connection.execute(sa.text(_SQL["classes"]), values)
        if connection.execute(sa.text(_SQL["classes_of"]), values).scalar_one() != list(classes):
            raise LedgerError(
                f"scoring.model_classes has other class names for the model {model_sha256} than its manifest. Find out "
                "who entered them; delete that row as the schema's owner, and run `scoring migrate`."
            )


def refusing() -> AbstractContextManager[None]:
    """Turn the predictions database's refusals into a LedgerError with the remedy."""
    remedy = "Run `scoring migrate`, and make the connection's role a member of scoring_writer."
    return translated_errors("predictions", LedgerError, {"3F": remedy, "42": remedy})


def hold_open(connection: sa.Connection, run_id: int) -> None:
    """Go on with an open run only, and let nobody close or publish it before this transaction ends.

    Raises:
        Superseded: it was closed or published.
        LedgerError: there is no such run.
    """
    row = connection.execute(sa.text(f"{_RUN} FOR SHARE"), {"run_id": run_id}).mappings().one_or_none()
    if row is None:
        raise LedgerError(f"no run {run_id} in the predictions database. Clear the task `extract`.")
    require_open(row)


def require_open(row: Mapping[Any, Any]) -> None:
    """Refuse to go on with a run that was closed or published.

    Raises:
        Superseded: it was.
    """
    if row["status"] not in ("running", "failed"):
        raise Superseded(
            f"run {row['run_id']} is {row['status']} ({row['status_reason'] or 'finished'}): nothing to do"
        )


_OLDER_MODEL = "SELECT scoring.older_model(:job, :score_date, :model_name, :model_version)"
_WRITE_AS = "SELECT run_id, status, status_reason FROM scoring.write_as($1)"
_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"
