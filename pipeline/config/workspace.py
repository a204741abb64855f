"""Where things are: the folders, the store and the databases that one run uses."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.project import ROOT


@dataclass(frozen=True)
class Files:
    """Where files are: all that a stage knows of its surroundings which unpickles a model.

    Attributes:
        home: the folder that holds dags/, sql/ and models/.
        store: where runs keep their parts: a folder or any fsspec URL.
    """

    home: Path
    store: str


@dataclass(frozen=True)
class Workspace(Files):
    """What the other stages need to know of their surroundings.

    Attributes:
        warehouse: address of the database that a night's rows come from.
        predictions: address of the database that the scores go to.
    """

    warehouse: str
    predictions: str


def home() -> Path:
    """The folder that holds dags/, sql/ and models/: `SCORING_HOME`, else this checkout."""
    return Path(os.environ.get("SCORING_HOME") or ROOT)


def store() -> str:
    """Where runs keep their parts: `SCORING_STORE`, else .local/store in the home."""
    return os.environ.get("SCORING_STORE") or str(home() / ".local" / "store")


def files() -> Files:
    """The home and the store."""
    return Files(home(), store())
