"""Two runs of one idempotency key would publish the same rows: the second one ends."""

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import NothingToDo
from pipeline.runs.ledger import close, hold_open

_SQL = statements.load("runs/identity")


def skip_if_published(database_url: str, run_id: int) -> None:
    """Enter an extracted run's idempotency key, and go on only where it would publish anything new.

    The key is the digest of all that decides a run's scores: two runs of one key would publish the same rows.

    Raises:
        NothingToDo: the same input, model, code and configuration are published already.
        Superseded: the run has been closed or published meanwhile.
        LedgerError: there is no such run.
    """
    with engine(database_url).begin() as connection:
        if not connection.execute(sa.text(_SQL["key"]), {"run_id": run_id}).rowcount:
            hold_open(connection, run_id)  # says why
        twin = connection.execute(sa.text(_SQL["twin"]), {"run_id": run_id}).one_or_none()
    if twin is not None:
        reason = f"run {twin.run_id} published the same input, model, code and configuration"
        close(database_url, run_id, "abandoned", reason)
        raise NothingToDo(f"{twin.job} {twin.score_date}: {reason}; it stays")
