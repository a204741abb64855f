"""Runs and their ledgers beside what the chain of decisions says of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from pipeline.inspection.chain_erasures import first_digests
from pipeline.inspection.sealed import MOVES, PART, RUN, Row, name_of, netstrings, rows, sha256

_STATUS = ("run_id", "job", "score_date", "status", "expired_at")
_DAYS = ("job", "predictions_days", "superseded_days", "entered_at")
# No transaction that publishes takes longer.
_PUBLISHING = timedelta(hours=1)


def altered(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs that are not as they were when they were published or decided on, or of which the chain knows nothing."""
    ledgers: dict[str, str] = {}
    first = first_digests(connection)
    for part in rows(connection, "run_parts", ("run_id", *PART), "run_id", "part"):
        values: list[str | None] = list(part[1:-1])
        for place, kind in ((-2, "input"), (-1, "scored")):
            values[place] = first.get((part.run_id, part.part, kind), values[place])
        ledgers[part.run_id] = ledgers.get(part.run_id, "") + "\n" + netstrings([*values, part.written_at])
    runs = {run.run_id: run for run in rows(connection, "scoring_runs", (*RUN, "status"), "run_id")}
    digests = {
        run_id: sha256(netstrings(run[: len(RUN)]) + ledgers.get(run_id, "")) for run_id, run in runs.items()
    }
    reported = set()
    for entry in chain:
        run = runs.get(entry.run_id)
        if entry.run_id in reported or entry.run_id is None:
            continue
        if run is None:
            yield f"run {entry.run_id} is gone, and {name_of(entry)} names it"
        elif digests[entry.run_id] != entry.subject_sha256:
            yield f"run {entry.run_id} of {run.job} {run.score_date} or its ledger was altered since {name_of(entry)}"
        elif entry.kind in ("approval", "rejection") and _decision(run) != (
            entry.by,
            entry.login,
            entry.reason,
        ):
            yield f"{name_of(entry)} was inserted: the run says that {run.decided_by or 'nobody'} decided on it"
        else:
            continue
        reported.add(entry.run_id)
    sealed = {entry.run_id for entry in chain}
    for run in runs.values():
        if run.run_id not in sealed and (run.published_at is not None or run.decided_by):
            yield (
                f"run {run.run_id} of {run.job} {run.score_date} is {run.status}, and no entry of the chain says who "
                "published it or decided on it"
            )


def wrong_statuses(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs whose status is not the one to which the chain leads."""
    moves = [entry for entry in chain if entry.kind in MOVES]
    moved = {entry.run_id: entry for entry in moves}
    shown = {entry.run_id for entry in {(entry.job, entry.score_date): entry for entry in moves}.values()}
    rejected = {entry.run_id: entry for entry in chain if entry.kind == "rejection"}
    for run in rows(connection, "scoring_runs", _STATUS, "run_id"):
        name = f"run {run.run_id} of {run.job} {run.score_date}"
        expected = "abandoned" if run.run_id in rejected else None
        if run.run_id in shown:
            expected = "superseded" if run.expired_at else "published"
        elif run.run_id in moved:
            expected = "superseded"
        elif expected is None and run.status in ("published", "superseded"):
            yield f"{name} is {run.status}, and no entry of the chain published it"
        if expected not in (None, run.status):
            entry = moved.get(run.run_id) or rejected[run.run_id]
            yield f"{name} is {run.status}, and not {expected} as {name_of(entry)} has it"


def early_expiries(connection: sa.Connection, chain: Sequence[Row]) -> Iterator[str]:
    """Runs on which somebody decided, and which expired before the job's retention lets them."""
    days = {row.job: row for row in rows(connection, "retention", _DAYS, "job")}
    last = _last_entries(chain)
    for run in rows(connection, "scoring_runs", _STATUS, "run_id"):
        if (
            run.expired_at
            and run.run_id in last
            and not _expired_in_time(run, last[run.run_id], days.get(run.job))
        ):
            yield (
                f"run {run.run_id} of {run.job} {run.score_date} expired on {run.expired_at}, and the job's retention "
                "does not say so"
            )


def _last_entries(chain: Sequence[Row]) -> dict[str, tuple[Row, ...]]:
    """For each run the last entry that published or rejected it, and the entry that replaced it afterwards."""
    last: dict[str, tuple[Row, ...]] = {}
    for entry in chain:
        if entry.kind in MOVES or entry.kind == "rejection":
            if entry.replaced_run_id in last:
                last[entry.replaced_run_id] = (*last[entry.replaced_run_id], entry)
            last[entry.run_id] = (entry,)
    return last


def _expired_in_time(run: Row, entries: Sequence[Row], retention: Row | None) -> bool:
    """Whether retention explains that a run expired.

    Args:
        run: which expired.
        entries: what published or rejected it last, and what replaced it then.
        retention: the days of its job.
    """
    if retention is None:
        return False
    expired = datetime.fromisoformat(run.expired_at)
    if expired < datetime.fromisoformat(retention.entered_at):  # by days that are no longer entered
        return True
    entry = entries[-1]
    hidden = len(entries) > 1 or entry.kind == "rejection"
    # A hidden run whose files are gone expires without days where a rebuild makes it again.
    if hidden and entry.restored_as is not None:
        return True
    days = retention.superseded_days if hidden else retention.predictions_days
    if days is None:
        return False
    # From the beginning of the transaction that published or rejected, which is a little earlier than its entry.
    return datetime.fromisoformat(entry.recorded_at) - _PUBLISHING + timedelta(days=int(days)) <= expired


def _decision(run: Row) -> tuple[str | None, ...]:
    # As the first revisions did, where somebody had decided without a reason.
    return run.decided_by, run.decided_as, run.decision_reason or "none given"
