"""Where things are: the folders, the store and the databases that one run uses."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """What a stage needs to know of its surroundings.

    Attributes:
        home: the folder that holds dags/, sql/ and models/.
        store: where runs keep their parts: a folder or any fsspec URL.
        warehouse: address of the database that a night's rows come from.
        predictions: address of the database that the scores go to.
    """

    home: Path
    store: str
    warehouse: str
    predictions: str


def home() -> Path:
    """The folder that holds dags/, sql/ and models/: `SCORING_HOME`, else this checkout."""
    return Path(os.environ.get("SCORING_HOME") or Path(__file__).resolve().parents[1])


def store() -> str:
    """Where runs keep their parts: `SCORING_STORE`, else .local/store in the home."""
    return os.environ.get("SCORING_STORE") or str(home() / ".local" / "store")
