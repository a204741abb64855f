"""Where things are, in a checkout and in an installed wheel: the product's own files, and a team's home."""

from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
# A wheel brings the product's own files along (hatch_build.py). A checkout, and the container, have them beside the
# package.
_CARRIED = PACKAGE / "files"
IS_WHEEL = _CARRIED.is_dir()
# Holds the product's sql/, dags/, plugins/ and deploy/.
ROOT = _CARRIED if IS_WHEEL else PACKAGE.parent
SQL = ROOT / "sql"

# What makes a folder a home: a team's jobs, queries and models.
FOLDERS = ("dags", "sql", "models")


def find_home(environ: Mapping[str, str], folder: Path | None) -> Path | None:
    """The folder that holds a team's dags/, sql/ and models/; None where there is none.

    Args:
        environ: where `SCORING_HOME` may name it.
        folder: else it is the first of this folder and its parents that holds all three, and last the checkout.
    """
    if named := environ.get("SCORING_HOME"):
        return Path(named)
    for candidate in (folder, *folder.parents) if folder else ():
        if all((candidate / name).is_dir() for name in FOLDERS):
            return candidate
    return None if IS_WHEEL else ROOT
