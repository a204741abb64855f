"""The rows that a run's contract rejected: in no part, so that they are read from the warehouse again."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.batch_result import shown
from pipeline.contract.contract import ENTITY, Contract
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.model.failing import COLUMN
from pipeline.serving.parity import values
from pipeline.serving.parity.comparison import Rejection

# An entity, as `rejected_rows` names it, and a row of it as JSON.
Row = tuple[str, str]


def rows(database_url: str, query: Query, rejections: set[Rejection], contract: Contract) -> list[Row]:
    """The rows of those entities, as the warehouse has them now; all other rows of the query stream by.

    Raises:
        WarehouseError: the database refused the query.
    """
    entities = {entity for entity, column, _ in rejections if column != COLUMN}
    wanted = pa.array(sorted(entity for entity in entities if entity is not None), pa.string())
    read: list[Row] = []
    if not entities:
        return read
    with warehouse.stream(database_url, query) as reader:
        for batch in reader:
            names = shown(batch.column(ENTITY))
            mask = pc.is_in(names, wanted)
            if None in entities:
                mask = pc.or_(mask, pc.is_null(names))
            rows_of = values.rows(batch.filter(mask), contract)
            read += zip((name or "" for name in names.filter(mask).to_pylist()), rows_of, strict=True)
    return read


def groups(read: list[Row], size: int) -> Iterator[list[str]]:
    """The rows in groups of a size, those of one entity together: where it comes twice, each of them says so."""
    group: list[str] = []
    by_entity: dict[str, list[str]] = {}
    for entity, row in read:
        by_entity.setdefault(entity, []).append(row)
    for of_entity in by_entity.values():
        if group and len(group) + len(of_entity) > size:
            yield group
            group = []
        group += of_entity
    if group:
        yield group
