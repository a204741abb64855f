"""The jobs that follow an alias: which they are, what each gives as evidence, and as whom its database is asked."""

from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from pipeline.config import loader
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.errors import ScoringError, UsageError
from pipeline.promotion import evidence
from pipeline.promotion.evidence import Between, Gathered
from pipeline.promotion.promote import AliasChange


def find(dags: Path, name: str, alias: str, jobs: Sequence[str] = ()) -> list[Job]:
    """The jobs that an alias decides on, or those of them that are named.

    Raises:
        UsageError: a job that is named follows another model or alias; or a job file cannot be read, which may be one.
        JobError: a job that is named is not there, or its file cannot be used.
    """
    if not jobs:
        usable, broken = loader.read_all(dags)
        if broken:
            raise UsageError(f"{broken[0]}\nIt may follow {alias}. Correct it, or name the jobs: --job JOB")
        return [job for job in usable if (job.model.name, job.model.alias) == (name, alias)]
    named = [loader.find(dags, job) for job in dict.fromkeys(jobs)]
    for job in named:
        if (job.model.name, job.model.alias) != (name, alias):
            raise UsageError(
                f"{job.name} follows {job.model.alias} of {job.model.name}, and not {alias} of {name}. Leave it out."
            )
    return named


def login_of(jobs: Sequence[Job], workspace_of: Callable[[Job], Workspace]) -> str:
    """The session user of the first job's predictions database; empty where it cannot be asked."""
    for job in jobs[:1]:
        try:
            with postgres.engine(workspace_of(job).predictions).connect() as connection:
                return str(connection.execute(sa.text("SELECT session_user")).scalar_one())
        except (ScoringError, sa.exc.SQLAlchemyError):
            return ""
    return ""


def gather(
    wanted: AliasChange,
    jobs: Sequence[Job],
    workspace_of: Callable[[Job], Workspace],
    between: Between | None,
    progress: Callable[[Job, object], None],
) -> list[Gathered]:
    """The evidence of each job; of one whose databases are not known, why there is none."""
    gathered = []
    for job in jobs:
        try:
            workspace = workspace_of(job)
        except ScoringError as error:
            gathered.append(Gathered(job, None, None, (f"{job.name}: {error}",)))
            continue
        gathered.append(
            evidence.gather(
                workspace,
                job,
                (wanted.former, wanted.pinned),
                wanted.version,
                between,
                lambda score_date, job=job: progress(job, score_date),  # type: ignore[misc]
            )
        )
    return gathered
