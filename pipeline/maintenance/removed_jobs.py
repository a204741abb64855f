"""Jobs whose files are gone: what they have scored is in the database and in the store, and its time comes as well."""

from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres, statements
from pipeline.runs import ledger, store_identity

_SQL = statements.load("maintenance/removed_jobs")


def connections(
    address: Callable[[str], str], store: str, jobs: Sequence[Job], filed: Collection[str]
) -> dict[str, str]:
    """Find the jobs whose files are gone, and whose runs are still in the store and in its database.

    Args:
        address: gives the address of a connection, called like `write.connection` with `_janitor` behind it.
        store: where runs keep their parts; it says whose a job's runs are.
        jobs: the jobs that have a file; their databases are asked, or `predictions` where there are none.
        filed: names of jobs that are not looked for.

    Returns:
        the name of each, and the connection of its predictions database.

    Raises:
        StoreError: the store cannot be used.
        LedgerError: a database refuses.
    """
    names = sorted(set(store_identity.jobs(store)) - set(filed))
    removed: dict[str, str] = {}
    for conn_id in sorted({job.write.connection for job in jobs} or {"predictions"}) if names else ():
        with ledger.refusing(), postgres.engine(address(f"{conn_id}_janitor")).connect() as connection:
            with_runs = connection.execute(sa.text(_SQL["with_runs"]), {"jobs": names}).scalars().all()
            database = store_identity.read(connection).database_id
        removed |= {name: conn_id for name in with_runs if store_identity.owner(store, name) == database}
    return removed
