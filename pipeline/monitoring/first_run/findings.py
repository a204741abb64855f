"""The first run of a new champion: do its scores move as far as its promotion's evidence said, and no farther?"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres, statements
from pipeline.model import registry
from pipeline.model.artifact import ModelError
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.monitoring.first_run import movement, record
from pipeline.monitoring.first_run.movement import LEAST_DATES, Movement
from pipeline.monitoring.first_run.record import EvidenceError, Promotion
from pipeline.payloads import Finding, Run, RunRequest, Written

_SQL = statements.load("monitoring/first_run")


def former(
    database_url: str, job: str, score_date: date, manifest: Manifest, request: RunRequest
) -> int | None:
    """The version that scored what was published before a run, where the alias names another one by now.

    Args:
        database_url: the predictions database.
        job: whose run it is.
        score_date: the run's.
        manifest: of the version that is to score.
        request: what was asked for; a version that a person or a fallback names is no new champion.
    """
    if request.model_named:
        return None
    values = {"job": job, "score_date": score_date, "model_name": manifest.name}
    with postgres.engine(database_url).connect() as connection:
        version = connection.execute(sa.text(_SQL["former"]), values).scalar_one_or_none()
    return version if version != manifest.version else None


def findings(
    home: Path, job: Job, pinned: PinnedVersion, run: Run, written: Sequence[Written]
) -> tuple[Finding, ...]:
    """What is to be said of a new champion's first run; nothing of any other run.

    Args:
        home: the folder that holds models/.
        job: whose run it is.
        pinned: the version that scored.
        run: the run.
        written: its parts, with how far each is from the former version's scores.
    """
    if run.former is None:
        return ()
    try:
        promotion = record.read(home, job.model.alias, pinned)
        compared = promotion is not None and promotion.former == run.former
        if not compared and _went_back(home, job, pinned, run.former):
            return ()
    except EvidenceError as error:
        # Whoever edits the evidence does not get around it.
        return (Finding(check="first_run", action=job.gate.first_run, message=f"{_first(run)}: {error}"),)
    together = Movement.together([part.moved for part in written])
    return tuple(_of(job, run, pinned, promotion, together))


def _of(
    job: Job, run: Run, pinned: PinnedVersion, promotion: Promotion | None, together: Movement | None
) -> Iterator[Finding]:
    first = _first(run)
    if reason := _without(job, run, promotion):
        yield Finding(check="first_run", action="warn", message=f"{first}: {reason}")
        return
    evidence = promotion.of(run.job) if promotion else None
    if evidence is None or together is None:
        message = (
            f"{first} could not be compared with version {run.former} on the same rows. The log of the task predict "
            "says why, and the other checks hold"
        )
        yield Finding(check="first_run", action="warn", message=message)
        return
    dates = [day.movement for day in evidence.days]
    beyond = list(movement.excesses(dates, evidence.unit, together))
    if beyond:
        message = (
            f"{first} moves the scores of the same rows more than the promotion's evidence said "
            f"({len(dates)} dates; here {together.rows} rows{_UNITS[pinned.manifest.task]}): "
            f"{'; '.join(map(str, beyond))}"
        )
        yield Finding(check="first_run", action=job.gate.first_run, message=message)


def _first(run: Run) -> str:
    return f"the first run of version {run.model_version} of {run.model_name} after version {run.former}"


def _without(job: Job, run: Run, promotion: Promotion | None) -> str:
    """Why nothing says how far the scores may move; empty where something does."""
    if promotion is None:
        return (
            f"no promotion is recorded, so nothing says how far its scores may move. Promote by "
            f"`scoring promote {run.model_name} VERSION`"
        )
    if promotion.former != run.former:
        return f"the evidence of its promotion compares it with version {promotion.former}"
    evidence = promotion.of(run.job)
    if evidence is None or len(evidence.days) < LEAST_DATES:
        because = f", because: {promotion.reason}" if promotion.reason else ""
        lacking = "a replay of enough dates" if evidence and evidence.challenger else "evidence"
        return f"{promotion.by} promoted it without {lacking}{because}. So nothing says how far its scores may move"
    return ""


def _went_back(home: Path, job: Job, pinned: PinnedVersion, former: int) -> bool:
    """Whether the run's version is the one that served before the former was promoted."""
    try:
        promoted = record.read(
            home, job.model.alias, registry.resolve(home, pinned.manifest.name, "", former)
        )
    except ModelError:
        return False
    return promoted is not None and promoted.former == pinned.manifest.version


# What differences are of.
_UNITS = {"binary": ", in log-odds", "multiclass": ", in log-odds of the labels", "regression": ""}
