"""What is deployed: the digest of the code that decides a score, and whether a run goes on with what it began with.

The digest is a part of every run's idempotency key. A task may begin long after the one before, on another machine: so
each compares what it finds there with what its run began with, and no run is of two deployments.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.config.job import Job
from pipeline.config.workspace import Files
from pipeline.errors import ScoringError
from pipeline.payloads import Deployment, PartTask, Readiness, Run, Scored, Value
from pipeline.project import PACKAGE
from pipeline.text_files import TextError, lines
from pipeline.version import VERSION

Handed = TypeVar("Handed", bound=Value)

# Rooms and modules of `pipeline` on which a score, or the rows that get one, depends. Code elsewhere may change, and a
# score date that is scored again still gives the same run.
DECISIVE = (
    "config",
    "contract",
    "databases",
    "extraction",
    "isolation",
    "model",
    "payloads",
    "store",
    "tasks",
    "text_files",
    "worker",
)
# The others: what notifies, shows, measures, keeps and removes.
INDIFFERENT = (
    "__main__",
    "candidates",
    "challenger",
    "cli",
    "embedded",
    "errors",
    "estimation",
    "evaluation",
    "exports",
    "inspection",
    "integrations",
    "late_data",
    "maintenance",
    "monitoring",
    "plain_text",
    "project",
    "promotion",
    "provisioning",
    "punctuality",
    "recovery",
    "registration",
    "reports",
    "retraining",
    "runs",
    "runtime",
    "scaffolding",
    "serving",
    "training",
    "version",
)


_REMEDY = (
    "Deployed in mid-run: clear `extract`, and a new run begins with what is there now; on the command line, score the "
    "day again. What was published before stays."
)


class DeploymentError(ScoringError):
    """A run that would go on with other code, another job file or another query than it began with."""


def code_version() -> str:
    """Digest of the source of the decisive rooms, whatever their depth: also where there is no git."""
    return _digest(PACKAGE, tuple(_sources(PACKAGE)))


# A task asks several times. Python itself goes by less, a file's size and whole seconds, when it trusts compiled code.
@lru_cache(maxsize=1)
def _digest(package: Path, sources: tuple[tuple[str, tuple[int, int, int]], ...]) -> str:
    digest = hashlib.sha256()
    for path, _ in sources:
        file = Path(path)
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources(package: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Each file of the decisive rooms, and what a change of it changes."""
    for name in DECISIVE:
        walked = os.walk(package / name)
        files = [f"{folder}/{file}" for folder, _, names in walked for file in names if file.endswith(".py")]
        if os.path.isfile(module := f"{package / name}.py"):
            files.append(module)
        for path in sorted(files, key=lambda path: path.split("/")):
            status = os.stat(path)
            yield path, (status.st_size, status.st_ctime_ns, status.st_ino)


def deployment(files: Files, job: Job, query: str) -> Deployment:
    """What is deployed now: the code, a job's file, and its queries' texts."""
    return Deployment(
        code_version=code_version(),
        pipeline_version=VERSION,
        job_sha256=job.sha256,
        query_sha256=sha256_of(query),
        ready_sha256=sha256_of(_text(files, job.ready.query)) if job.ready else None,
    )


def sha256_of(query: str) -> str:
    """SHA-256 of a query's text."""
    return hashlib.sha256(query.encode()).hexdigest()


def require_same(files: Files, job: Job, work: Run | PartTask | Scored) -> None:
    """Refuse to go on with a run after another deployment.

    Args:
        files: where the query is.
        job: as the task has it.
        work: what the task before has handed over.

    Raises:
        DeploymentError: the code, the job file or the query is not what the run began with.
    """
    now = deployment(files, job, _text(files, job.extract.query))
    if changes := list(_changes(job, work.deployment, now)):
        raise DeploymentError(
            f"run {work.run_id} of {work.job} {work.score_date} began with {' and '.join(changes)}. {_REMEDY}"
        )


def require_looked(job: Job, deployed: Deployment, seen: Readiness | None) -> None:
    """Refuse to begin a run that another query than the one here has let through.

    Raises:
        DeploymentError: it was another one.
    """
    if job.ready and seen and seen.sha256 != deployed.ready_sha256:
        raise DeploymentError(
            f"{job.name}: another {job.ready.query} than the one here ({_short(seen.sha256)}, and here is "
            f"{_short(deployed.ready_sha256 or '')}) said whether the source is ready. Clear the task `ready`: the one "
            "here is asked. What was published before stays."
        )


def read(kind: type[Handed], value: dict[str, Any]) -> Handed:
    """What another task has handed over, from its JSON form.

    Raises:
        DeploymentError: another version of this code has handed it over.
    """
    try:
        return kind.read(value)
    except ValidationError as error:
        raise DeploymentError(
            f"what the task before has handed over was written by another version of this code ({kind.__name__}: "
            f"{error.error_count()} keys differ). {_REMEDY}"
        ) from error


def _changes(job: Job, began: Deployment, now: Deployment) -> Iterator[str]:
    if began.pipeline_version != now.pipeline_version:
        yield f"version {began.pipeline_version} of this code, and here is {now.pipeline_version}"
    elif began.code_version != now.code_version:
        yield f"other code ({began.code_version}, and here is {now.code_version})"
    if began.job_sha256 != now.job_sha256:
        yield f"another {job.name}.toml ({_short(began.job_sha256)}, and here is {_short(now.job_sha256)})"
    if began.query_sha256 != now.query_sha256:
        yield f"another {job.extract.query} ({_short(began.query_sha256)}, and here is {_short(now.query_sha256)})"
    if job.ready and began.ready_sha256 and now.ready_sha256 and began.ready_sha256 != now.ready_sha256:
        yield f"another {job.ready.query} ({_short(began.ready_sha256)}, and here is {_short(now.ready_sha256)})"


def _short(digest: str) -> str:
    return digest[:12]


def _text(files: Files, query: str) -> str:
    """A query's text, as `queries.read` gives it; empty where it is gone, which is another one, too."""
    try:
        return lines((files.home / "sql" / query).read_bytes())
    except (OSError, TextError):
        return ""
