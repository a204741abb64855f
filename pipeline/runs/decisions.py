"""Decisions in a person's name: a held run is approved or rejected, a score date is rolled back.

The database takes them from members of `scoring_approver` only, and keeps the login beside the name that is stated.
Whose name that may be is said in the job file.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres, postgres_errors, statements, waiting
from pipeline.errors import UsageError
from pipeline.runs.ledger import LedgerError
from pipeline.runs.publications import resolve

_SQL = statements.load("runs/decisions")


class DeciderError(UsageError):
    """Somebody decided who may not."""


@dataclass(frozen=True)
class Trigger:
    """What began a run.

    Attributes:
        job: the job's name.
        by: the person who triggered it, as stated; None where a schedule did.
        login: the login that began it; None of a run from before logins were kept.
        same_login: whether the one that asks is the same.
    """

    job: str
    by: str | None
    login: str | None
    same_login: bool


def require_decider(
    job: Job, by: str, *, names: tuple[str, ...] = (), triggered_by: str | None = None
) -> None:
    """Refuse a person whom the job file does not let decide.

    Args:
        job: whose run it is.
        by: the name that the person goes by.
        names: other names of the same person, such as the id of a user in Airflow.
        triggered_by: who triggered the run; None where a schedule did, or where it does not matter.

    Raises:
        DeciderError: the person is none of `gate.deciders`, or triggered the run and `gate.four_eyes` is set.
    """
    person = {by, *names}
    if job.gate.deciders and person.isdisjoint(job.gate.deciders):
        raise DeciderError(
            f"{by} may not decide on {job.name}: gate.deciders in {job.name}.toml names "
            f"{', '.join(job.gate.deciders)}. Ask one of them."
        )
    if job.gate.four_eyes and triggered_by in person:
        raise DeciderError(
            f"{by} triggered the run, and gate.four_eyes in {job.name}.toml wants somebody else to decide. "
            "Ask a second person."
        )


def trigger_of(approver_url: str, run_id: int) -> Trigger:
    """Who triggered a run.

    Args:
        approver_url: the predictions database, as a member of `scoring_approver`.
        run_id: the run.

    Raises:
        LedgerError: there is no such run, or the login may not look.
    """
    with _refusals(), postgres.engine(approver_url).connect() as connection:
        row = connection.execute(sa.text(_SQL["trigger"]), {"run_id": run_id}).mappings().one_or_none()
    if row is None:
        raise LedgerError(f"no run {run_id}. `scoring runs` lists them.")
    return Trigger(**row)


def require_second_login(job: Job, trigger: Trigger) -> None:
    """Refuse to decide with the login that began the run, where the job file wants four eyes.

    Raises:
        DeciderError: it is the same.
    """
    if job.gate.four_eyes and trigger.same_login:
        raise DeciderError(
            f"the login {trigger.login} began the run, and gate.four_eyes in {job.name}.toml wants somebody else to "
            "decide. Ask a second person, with a login of their own."
        )


def decide(approver_url: str, run_id: int, *, approve: bool, by: str, reason: str) -> int | None:
    """Publish a held run, or abandon it, in a person's name; returns the run that it replaces, if any.

    Args:
        approver_url: the predictions database, as a member of `scoring_approver`.
        run_id: the run.
        approve: whether to publish it.
        by: who decides, as stated.
        reason: why.

    Raises:
        LedgerError: the run is not held, nobody said who decides and why, or the login may not decide.
        Superseded: a newer run of the same score date was published.
        WriteError: its model is older than the published one, and nobody named it.
    """
    _require_named(by, reason)
    values = {"run_id": run_id, "by": by, "reason": reason}
    statement = sa.text(_SQL["approve"] if approve else _SQL["reject"])
    with _refusals():
        done = waiting.patiently(
            approver_url,
            f"deciding on run {run_id}",
            lambda connection: connection.execute(statement, values).one(),
        )
    return resolve(done)  # after the commit: an overtaken run has been abandoned


def roll_back(
    approver_url: str, job: str, score_date: date, *, to: int | None = None, by: str, reason: str
) -> tuple[int, int]:
    """Show a run again that was published before; returns it, and the run that it replaces.

    Args:
        approver_url: the predictions database, as a member of `scoring_approver`.
        job: the job's name.
        score_date: the day that was scored.
        to: a run that was once published for that day; else the one published before the current.
        by: who decides, as stated.
        reason: why.

    Raises:
        LedgerError: there is no such run, its rows are gone, nobody said who decides and why, or the login may not.
    """
    _require_named(by, reason)
    values = {"job": job, "score_date": score_date, "to": to, "by": by, "reason": reason}
    with _refusals():
        done = waiting.patiently(
            approver_url,
            f"rolling back {job} {score_date}",
            lambda connection: connection.execute(sa.text(_ROLL_BACK), values).one(),
        )
    if done.refusal is not None:
        raise LedgerError(f"{done.refusal}. `scoring runs {job}` lists them.")
    return int(done.shown), int(done.replaced)


def _require_named(by: str, reason: str) -> None:
    for what, text in (("name", by), ("reason", reason)):
        if not any(map(str.isalnum, text)):  # what is invisible names nobody
            raise LedgerError(
                f"the {what} {text!r} says nothing: it has no letter and no digit. "
                'A decision needs a name and a reason: --by NAME --reason "WHY"'
            )


def _refusals() -> AbstractContextManager[None]:
    remedy = "Make the connection's role a member of scoring_approver."
    return postgres_errors.translated_errors("predictions_approver", LedgerError, {"42": remedy})


_ROLL_BACK = "SELECT * FROM scoring.roll_back(:job, :score_date, :to, :by, :reason)"
