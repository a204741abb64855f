"""The workspace of a job: the folders, the store and the databases that its runs use."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline import project
from pipeline.config.job import Job
from pipeline.errors import UsageError

# A connection id -> its database_url.
Lookup = Callable[[str], str]


class HomeError(UsageError):
    """No folder that holds a team's jobs."""


@dataclass(frozen=True)
class Files:
    """Where files are: all of its workspace that a task knows which unpickles a model.

    Attributes:
        home: the folder that holds dags/, sql/ and models/.
        store: where runs keep their parts: a folder or any fsspec URL.
    """

    home: Path
    store: str


@dataclass(frozen=True)
class Workspace(Files):
    """The whole workspace.

    Attributes:
        warehouse: database_url of the database that a run's rows come from; empty where none is read.
        predictions: database_url of the database that the scores go to.
    """

    warehouse: str
    predictions: str

    @classmethod
    def of(cls, job: Job, predictions: Lookup, warehouse: Lookup | None = None) -> Self:
        """The workspace of a job.

        Args:
            job: whose connections are looked up.
            predictions: gives the database_url of a Postgres connection.
            warehouse: gives that of a warehouse connection; None where no warehouse is read.
        """
        return cls(
            home=home(),
            store=store(),
            warehouse=warehouse(job.extract.connection) if warehouse else "",
            predictions=predictions(job.write.connection),
        )


def home() -> Path:
    """The folder that holds dags/, sql/ and models/: `SCORING_HOME`, else the one around here, else this checkout.

    Raises:
        HomeError: there is none, as where the package was installed from a wheel and runs elsewhere.
    """
    try:
        here = Path.cwd()
    except OSError:  # it was removed, or may not be read
        here = None
    if (folder := project.find_home(os.environ, here)) is None:
        raise HomeError(
            f"{here} is not in a repository of jobs: no folder here or above it holds dags/, sql/ and models/. Change "
            "into yours, or name it in SCORING_HOME. `scoring init FOLDER` lays out a new one."
        )
    return folder


def store() -> str:
    """Where runs keep their parts: `SCORING_STORE`, else .local/store in the home."""
    return os.environ.get("SCORING_STORE") or str(home() / ".local" / "store")


def artefacts() -> str | None:
    """Where large files of models are: `SCORING_ARTEFACTS`, a folder or any fsspec URL; None where all are in git."""
    return os.environ.get("SCORING_ARTEFACTS") or None


def artefacts_cache(home: Path) -> Path:
    """Where this machine keeps copies of them: `SCORING_ARTEFACTS_CACHE`, else .local/artefacts in the home."""
    return Path(os.environ.get("SCORING_ARTEFACTS_CACHE") or home / ".local" / "artefacts")


def files() -> Files:
    """The home and the store."""
    return Files(home(), store())
