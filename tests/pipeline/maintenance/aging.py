"""A shop whose runs are made older, and what is thrown away of it."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.databases import postgres
from pipeline.maintenance import retention, retention_days
from pipeline.maintenance.retention import Pruned
from tests.home import SUPERUSER
from tests.pipeline.shop import Shop


def keep(shop: Shop, **days: int) -> None:
    """Put days into the job's [retention]."""
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    text = "".join(f"{name} = {value}\n" for name, value in days.items())
    path.write_text(f"{path.read_text().partition('[retention]')[0]}[retention]\n{text}")


def age(shop: Shop, days: float, where: str = "true") -> None:
    """Make the job's runs older than they are."""
    with postgres.engine(shop.home.uri(SUPERUSER)).begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no trigger refuses it
        older = ", ".join(
            f"{name} = {name} - make_interval(secs => :secs)" for name in ("started_at", "status_since")
        )
        statement = f"UPDATE scoring.scoring_runs SET {older} WHERE job = :job AND {where}"
        connection.execute(sa.text(statement), {"secs": days * 86_400, "job": shop.job})


def enter(shop: Shop) -> None:
    """Enter the job's [retention] into the database, as its owner."""
    retention_days.enter(shop.home.server.connections["predictions_owner"], [shop.home.read(shop.job)])


def prune(shop: Shop, *, dry_run: bool = False, entered: bool = True) -> Pruned:
    """Prune this job as the janitor, by its file's days where the owner has entered them."""
    if entered:
        enter(shop)
    address = shop.home.server.connections.__getitem__
    return retention.prune(address, shop.home.store, [shop.home.read(shop.job)], dry_run=dry_run)


def files(shop: Shop) -> list[str]:
    """Every file of the store's runs, below it."""
    store = Path(shop.home.store)
    return sorted(str(path.relative_to(store)) for path in store.glob("[!.]*/**/*") if path.is_file())


def twice(shop: Shop, **options: Any) -> tuple[int, int]:
    """Two published runs of one night: the first is superseded."""
    first = shop.home.score(shop.job, **options).run_id
    shop.change("visits = visits + 1")
    return first, shop.home.score(shop.job, **options).run_id
