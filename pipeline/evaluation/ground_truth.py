"""The outcomes of a run's entities: the rows of the job's outcomes query, matched with those that were scored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.job import Job
from pipeline.contract import schema
from pipeline.contract.coerce import plain, storage, text
from pipeline.contract.contract import ENTITY
from pipeline.databases import warehouse
from pipeline.databases.queries import Query, Values
from pipeline.model import outcome_values
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest
from pipeline.model.outcome_values import NAMED, OutcomesQueryError

# A look-up among a million entities costs as much for one row as for so many.
_ROWS_AT_ONCE = 500_000

_OUTCOMES = ("integer", "number", "decimal", "boolean", "text", "null")


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a run's entities.

    Attributes:
        values: for each scored entity its class's index, or its value; NaN while there is no outcome.
        rows: the query's rows of scored entities, one an entity at most; `entity_id` as text.
        unscored: rows of the query whose entity was not scored.
    """

    values: Floats
    rows: pa.Table
    unscored: int


def read(
    address: str, query: str, values: Values, origin: str, manifest: Manifest, column: str, entities: pa.Array
) -> Outcomes:
    """Run a job's outcomes query, and match its rows with the entities that were scored.

    Args:
        address: of the warehouse.
        query: SQL with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.
        manifest: of the model that scored.
        column: the query's column with the outcome.
        entities: those that were scored, as text; each once.

    Raises:
        OutcomesQueryError: a column is missing, the model cannot have meant an outcome, or an entity has two.
        WarehouseError: the database refused the query.
    """
    scored, places, read_rows = [], [], 0
    with warehouse.stream(address, Query(query, values, origin)) as reader:
        require_columns(reader.schema, column, origin)
        for rows in _chunks(reader):
            place = pc.index_in(_column(rows, ENTITY), entities)
            scored.append(rows.filter(pc.is_valid(place)))
            places.append(place.drop_null().to_numpy().astype(np.int64))
            read_rows += len(rows)
    rows, where = pa.concat_tables(scored), np.concatenate(places)
    outcomes = outcome_values.read(_column(rows, column), manifest, origin, rows[ENTITY])
    first = _one_each(where, outcomes, len(entities), rows, column, origin)
    matched = first >= 0
    by_entity = np.full(len(entities), np.nan)
    by_entity[matched] = outcomes[first[matched]]
    return Outcomes(by_entity, rows.take(pa.array(first[matched])), read_rows - len(rows))


def sample(
    address: str, query: str, values: Values, origin: str, manifest: Manifest, column: str
) -> tuple[pa.Table, int]:
    """The first rows of a job's outcomes query, and how many of them have an outcome.

    Raises:
        OutcomesQueryError: as for `read`, save that these few rows do not contradict each other.
        WarehouseError: the database refused the query.
    """
    with warehouse.stream(address, Query(query, values, origin)) as reader:
        require_columns(reader.schema, column, origin)
        rows = _bare(
            pa.Table.from_batches([batch for _, batch in zip("1", reader, strict=False)], reader.schema)
        )
    outcomes = outcome_values.read(_column(rows, column), manifest, origin, rows[ENTITY])
    return rows, int((~np.isnan(outcomes)).sum())


def column_of(job: Job, manifest: Manifest) -> str:
    """The outcomes query's column that has the outcome.

    Raises:
        OutcomesQueryError: neither the job nor the model names it.
    """
    column = (job.outcomes and job.outcomes.column) or manifest.outcome
    if column is None:
        raise OutcomesQueryError(
            f"no column of the outcomes query is named as the outcome: model {manifest.name} version "
            f"{manifest.version} was registered without --outcome. Name it in {job.name}.toml, as outcomes.column."
        )
    return column


def require_columns(columns: pa.Schema, column: str, origin: str) -> None:
    """Refuse a query without the entity or the outcome.

    Raises:
        OutcomesQueryError: one of them is missing, or comes twice.
    """
    for name, meaning in ((ENTITY, "the entity that was scored"), (column, "the outcome")):
        if columns.names.count(name) != 1:
            problem = "comes more than once" if name in columns.names else "is missing"
            raise OutcomesQueryError(
                f"{origin}: column {name!r}, {meaning}, {problem}. The query has {', '.join(columns.names)}. "
                f"Name it once, AS {name}"
                + ("." if name == ENTITY else ", or name it in the job file, as outcomes.column.")
            )
    for name, kinds, meaning in ((ENTITY, schema.ENTITIES, "an entity"), (column, _OUTCOMES, "an outcome")):
        if (kind := schema.kind(columns.field(name))) not in kinds:
            raise OutcomesQueryError(
                f"{origin}: column {name!r} is {kind}, and {meaning} is {' or '.join(kinds[:-1])}. Convert it."
            )


def _one_each(
    where: npt.NDArray[np.int64], outcomes: Floats, entities: int, rows: pa.Table, column: str, origin: str
) -> npt.NDArray[np.int64]:
    """The number of each entity's row, the first that has an outcome; -1 where it has no row."""
    first = np.full(entities, -1)
    # The last one assigned stays: rows without an outcome first, and each from its end.
    for having in (np.flatnonzero(np.isnan(outcomes)), np.flatnonzero(~np.isnan(outcomes))):
        first[where[having][::-1]] = having[::-1]
    agreed = outcomes[first[where]]
    other = np.flatnonzero(~np.isnan(outcomes) & (outcomes != agreed))
    if len(other):
        names = pc.unique(rows[ENTITY].take(pa.array(other))).to_pylist()
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise OutcomesQueryError(
            f"{origin}: {len(names)} entities have outcomes in column {column!r} that contradict each other: "
            f"{', '.join(names[:NAMED])}{more}. Have the query give one outcome an entity."
        )
    return first


def _chunks(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The query's rows, many at a time; also a table of none, so that an empty result has columns, too."""
    held: list[pa.RecordBatch] = []
    for batch in reader:
        held.append(batch)
        if sum(len(rows) for rows in held) >= _ROWS_AT_ONCE:
            yield _bare(pa.Table.from_batches(held))
            held = []
    yield _bare(pa.Table.from_batches(held, reader.schema))


def _bare(rows: pa.Table) -> pa.Table:
    """Columns in types of Arrow's own, numerics as floats, and the entity as text."""
    columns = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        array = column.combine_chunks()
        columns[name] = text(storage(array)) if name == ENTITY else plain(array)
    return pa.table(columns)


def _column(rows: pa.Table, name: str) -> pa.Array:
    return rows[name].combine_chunks()
