"""Entities that a query gives more than once, values before its rows are read."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.coerce import storage, text
from pipeline.contract.contract import ENTITY
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError

# So many rows of doubled entities are held in memory; more of them mean a query that joins wrongly.
MAX_ROWS = 1_000_000


class DoubledError(ScoringError):
    """A query that gives so many entities more than once that nobody can have meant it."""


def find(address: str, query: Query, snapshot: str | None = None) -> pa.Array:
    """Find the entities that a query gives more than once.

    The database counts; it may take more texts for the same than we do ('a' and 'A', say), so its finds are counted
    again here. A query without the column gives none: the contract refuses it in words of its own.

    Args:
        address: of the warehouse.
        query: the query.
        snapshot: name of the snapshot to read from.

    Raises:
        DoubledError: there are more of them than a query that is right can give.
        WarehouseError: the database refused the query.
    """
    with warehouse.stream(address, queries.empty(query), snapshot) as reader:
        if reader.schema.names.count(ENTITY) != 1:
            return pa.nulls(0, pa.string())
    values: list[pa.Array] = []
    with warehouse.stream(address, queries.duplicates(query, ENTITY), snapshot) as reader:
        for batch in reader:
            values.append(text(storage(batch.column(0))).drop_null())
            if sum(map(len, values)) > MAX_ROWS:
                example = repr(values[0][0].as_py())
                raise DoubledError(
                    f"{query.file}: more than {MAX_ROWS:,} rows share their {ENTITY} with another row, such as "
                    f"{example}. Correct the query: it joins to many rows what should be one.",
                    private=[example],
                )
    counted = pc.value_counts(pa.concat_arrays([pa.nulls(0, pa.string()), *values]))
    return counted.field("values").filter(pc.greater(counted.field("counts"), 1))
