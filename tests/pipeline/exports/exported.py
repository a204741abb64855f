"""Exports of a shop, and what they should be."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from pipeline.exports.export import Exported, Wanted, export
from pipeline.exports.files import Format
from tests.home import NIGHT
from tests.pipeline.shop import Shop

LAST = NIGHT + timedelta(days=2)


def exported(shop: Shop, path: Path | None, **options: Any) -> Exported:
    """Export the shop's predictions as an analyst."""
    kind = options.pop("kind", Format.PARQUET)
    force = options.pop("force", False)
    wanted = Wanted(**{"job": shop.job, "first": NIGHT, "last": LAST, **options})
    return export(shop.home.server.connections["analyst"], shop.home.store, wanted, path, kind, force=force)


def as_seen(shop: Shop, *columns: str) -> pd.DataFrame:
    """Columns of the analysts' view, in an order that does not depend on where a row lies."""
    return shop.predictions()[list(columns)].reset_index(drop=True)


def read(path: Path) -> pd.DataFrame:
    """An exported file in the same order."""
    rows: pd.DataFrame = pq.read_table(path).to_pandas()
    return rows.sort_values(["score_date", "entity_id"]).reset_index(drop=True)
