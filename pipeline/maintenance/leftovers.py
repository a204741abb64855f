"""Files in a run's folder that nothing names: those never made whole, and what a late try beside the run has left.

A task that was given up, and that goes on all the same, writes after the task that has noted its end and removed its
files. Nobody reads those; a grace period keeps what may be in the making.
"""

from collections import defaultdict

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.runs import folders
from pipeline.runs.folders import Folder

_SQL = statements.load("maintenance/leftovers")


def unnamed(session: sa.Connection, job: str) -> dict[int, tuple[str, ...]]:
    """How the names of files begin that no row of the database names, by run.

    Args:
        session: of a janitor.
        job: whose runs they are.
    """
    kinds: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for row in session.execute(sa.text(_SQL["unnamed"]), {"job": job}):
        kinds[row.run_id] += (f"{row.kind}-",)
    return kinds


def old(store: str, folder: Folder, kinds: tuple[str, ...]) -> list[str]:
    """The paths of a folder's files that are left over, and older than the grace period.

    Args:
        store: where runs keep their parts.
        folder: of a run.
        kinds: how the names of its files begin that nothing names.

    Raises:
        StoreError: the store cannot be used.
    """
    late = [path for path in folder.files if path.rpartition("/")[2].startswith(kinds)]
    return folders.old(store, [*folder.aside, *late])
