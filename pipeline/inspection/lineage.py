"""What made a score: model, query, code, configuration and input, and whether two of them are the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import loader
from pipeline.config.job import JobError
from pipeline.databases import queries
from pipeline.databases.queries import WarehouseError
from pipeline.model import requirements
from pipeline.runs import code_version

# What a change of a digest means is in its name; its digits say nothing to a person.
_DIGESTS = ("model bytes", "query", "code", "job file", "input")
# Columns of `scoring_runs`, and what they identify.
_IDENTIFIED = {
    "model_name": "model",
    "model_version": "model version",
    "model_sha256": "model bytes",
    "query_sha256": "query",
    "code_version": "code",
    "job_sha256": "job file",
    "input_sha256": "input",
}


@dataclass(frozen=True)
class Change:
    """One thing that is not the same.

    Attributes:
        what: the thing's name.
        before: what it was.
        after: what it is.
    """

    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """The change in words; of a digest its name alone."""
        return self.what if self.what in _DIGESTS else f"{self.what} {self.before} -> {self.after}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two rows of `scoring_runs`, of what decides a score."""
    changed = [
        Change(what, before[column], after[column])
        for column, what in _IDENTIFIED.items()
        if before[column] != after[column]
    ]
    old, new = before["library_versions"], after["library_versions"]
    return changed + [
        Change(library, old.get(library), new.get(library))
        for library in sorted({*old, *new})
        if old.get(library) != new.get(library)
    ]


@dataclass(frozen=True)
class Today:
    """What a run of a job would begin with today.

    Attributes:
        row: the columns of `scoring_runs` that it would enter; None where the file cannot be read.
        query_file: the job's query, below sql/.
        query: its text.
    """

    row: dict[str, Any]
    query_file: str | None = None
    query: str | None = None


def today(home: Path, job: str) -> Today:
    """The code, the libraries, the job file and the query as they are now."""
    row: dict[str, Any] = {
        "code_version": code_version.code_version(),
        "library_versions": requirements.library_versions(),
        "job_sha256": None,
        "query_sha256": None,
    }
    try:
        job_file = loader.find(home / "dags", job)
        row["job_sha256"] = job_file.sha256
        text = queries.read(home / "sql", job_file.extract.query)
    except (JobError, WarehouseError):
        return Today(row)
    row["query_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return Today(row, job_file.extract.query, text)
