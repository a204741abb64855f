"""What became of a night's entities: the rows of the job's outcomes query, matched with those that were scored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config.job import Job
from pipeline.contract import schema
from pipeline.contract.coerce import convert, plain, storage, text
from pipeline.contract.contract import ENTITY, Column
from pipeline.databases import warehouse
from pipeline.databases.queries import Values
from pipeline.errors import ScoringError
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest

# How many entities a message names.
NAMED = 5

# A look-up among a million entities costs as much for one row as for so many.
_ROWS_AT_ONCE = 500_000

_OUTCOMES = ("integer", "number", "decimal", "boolean", "text", "null")

_WHOLE = r"^(-?[0-9]+)\.0*$"


class ResultError(ScoringError):
    """Results that cannot be held against the scores."""


@dataclass(frozen=True)
class Results:
    """What is known of a night's entities.

    Attributes:
        actual: for each scored entity its class's index, or its value; NaN while there is no result.
        rows: the query's rows of scored entities, one an entity at most; `entity_id` as text.
        unscored: rows of the query whose entity was not scored.
    """

    actual: Floats
    rows: pa.Table
    unscored: int


def read(
    address: str, query: str, values: Values, origin: str, manifest: Manifest, column: str, entities: pa.Array
) -> Results:
    """Run a job's outcomes query, and match its rows with the entities that were scored.

    Args:
        address: of the warehouse.
        query: SQL with `:name` parameters.
        values: the parameters' values.
        origin: the query's file, for error messages.
        manifest: of the model that scored.
        column: the query's column with the real result.
        entities: those that were scored, as text; each once.

    Raises:
        ResultError: a column is missing, a result is none that the model could have meant, or an entity has two.
        WarehouseError: the database refused the query.
    """
    kept, places, read_rows = [], [], 0
    with warehouse.stream(address, query, values, origin) as reader:
        require(reader.schema, column, origin)
        for rows in _chunks(reader):
            found = pc.index_in(_column(rows, ENTITY), entities)
            kept.append(rows.filter(pc.is_valid(found)))
            places.append(found.drop_null().to_numpy().astype(np.int64))
            read_rows += len(rows)
    rows, where = pa.concat_tables(kept), np.concatenate(places)
    known = actual(_column(rows, column), manifest, origin, rows[ENTITY])
    first = _one_each(where, known, len(entities), rows, column, origin)
    there = first >= 0
    result = np.full(len(entities), np.nan)
    result[there] = known[first[there]]
    return Results(result, rows.take(pa.array(first[there])), read_rows - len(rows))


def sample(
    address: str, query: str, values: Values, origin: str, manifest: Manifest, column: str
) -> tuple[pa.Table, int]:
    """The first rows of a job's outcomes query, and how many of them have a result.

    Raises:
        ResultError: as for `read`, save that these few rows do not contradict each other.
        WarehouseError: the database refused the query.
    """
    with warehouse.stream(address, query, values, origin) as reader:
        require(reader.schema, column, origin)
        rows = _bare(
            pa.Table.from_batches([batch for _, batch in zip("1", reader, strict=False)], reader.schema)
        )
    known = actual(_column(rows, column), manifest, origin, rows[ENTITY])
    return rows, int((~np.isnan(known)).sum())


def column_of(job: Job, manifest: Manifest) -> str:
    """The outcomes query's column that has the real result.

    Raises:
        ResultError: neither the job nor the model says it.
    """
    column = (job.outcomes and job.outcomes.column) or manifest.outcome
    if column is None:
        raise ResultError(
            f"which column of the outcomes query has the real result? Model {manifest.name} version {manifest.version} "
            f"was registered without --outcome: say it in {job.name}.toml, as outcomes.column."
        )
    return column


def require(found: pa.Schema, column: str, origin: str) -> None:
    """Refuse a query without the entity or the result.

    Raises:
        ResultError: one of them is missing, or comes twice.
    """
    for name, meaning in ((ENTITY, "the entity that was scored"), (column, "the real result")):
        if found.names.count(name) != 1:
            said = "comes more than once" if name in found.names else "is missing"
            raise ResultError(
                f"{origin}: column {name!r}, {meaning}, {said}. The query has {', '.join(found.names)}. "
                f"Name it once, AS {name}"
                + ("." if name == ENTITY else ", or say in the job file which it is: outcomes.column.")
            )
    for name, kinds, what in ((ENTITY, schema.ENTITIES, "an entity"), (column, _OUTCOMES, "a result")):
        if (kind := schema.kind(found.field(name))) not in kinds:
            raise ResultError(
                f"{origin}: column {name!r} is {kind}, and {what} is {' or '.join(kinds[:-1])}. Convert it."
            )


def actual(found: pa.Array, manifest: Manifest, origin: str, entities: pa.Array) -> Floats:
    """Results as the model could have meant them: a class's index, or a value; NaN where there is none.

    Raises:
        ResultError: a result is no class of the model, or no number.
    """
    if manifest.task == "regression":
        return _numbers(found, manifest, origin, entities)
    spelled = _spelled(found)
    known = pa.array(manifest.classes, pa.string())
    if len(set(_plain(known).to_pylist())) == len(known):
        spelled, known = _plain(spelled), _plain(known)
    codes = pc.index_in(spelled, known)
    unknown = pc.and_(pc.is_null(codes), pc.is_valid(spelled))
    if pc.any(unknown).as_py():
        labels = ", ".join(repr(label) for label in pc.unique(spelled.filter(unknown)).to_pylist()[:NAMED])
        raise ResultError(
            f"{origin}: results that the model does not know: {labels}, such as that of entity "
            f"{_first(entities, unknown)}. Model {manifest.name} version {manifest.version} knows "
            f"{', '.join(manifest.classes)}. Have the query say these, or NULL where there is no result."
        )
    indices: Floats = codes.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return indices


def _numbers(found: pa.Array, manifest: Manifest, origin: str, entities: pa.Array) -> Floats:
    values, unreadable = convert(found, Column("", "number", "float64", nullable=True))
    infinite = pc.fill_null(pc.is_inf(values), False)
    bad = infinite if unreadable is None else pc.or_(infinite, unreadable)
    if pc.any(bad).as_py():
        raise ResultError(
            f"{origin}: results that are no finite number, such as that of entity {_first(entities, bad)}, and model "
            f"{manifest.name} predicts numbers. Correct the query, or have it say NULL where there is no result."
        )
    numbers: Floats = values.to_numpy(zero_copy_only=False)
    return numbers


def _spelled(found: pa.Array) -> pa.Array:
    """Results as text; null where there is none."""
    stored = storage(found)
    if pa.types.is_floating(stored.type):
        stored = pc.if_else(pc.is_nan(stored), pa.scalar(None, stored.type), stored)
    return pc.cast(stored, pa.string())


def _plain(spelled: pa.Array) -> pa.Array:
    """One spelling for what databases and models spell in several ways: 1.0 and true are 1."""
    whole = pc.replace_substring_regex(spelled, _WHOLE, r"\1")
    for word, digit in (("true", "1"), ("false", "0")):
        whole = pc.if_else(pc.equal(whole, word), pa.scalar(digit), whole)
    return whole


def _one_each(
    where: npt.NDArray[np.int64], known: Floats, entities: int, rows: pa.Table, column: str, origin: str
) -> npt.NDArray[np.int64]:
    """The number of each entity's row, the first that has a result; -1 where it has no row."""
    first = np.full(entities, -1)
    # The last one assigned stays: rows without a result first, and each from its end.
    for having in (np.flatnonzero(np.isnan(known)), np.flatnonzero(~np.isnan(known))):
        first[where[having][::-1]] = having[::-1]
    agreed = known[first[where]]
    other = np.flatnonzero(~np.isnan(known) & (known != agreed))
    if len(other):
        names = pc.unique(rows[ENTITY].take(pa.array(other))).to_pylist()
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise ResultError(
            f"{origin}: {len(names)} entities have more than one result in column {column!r}, and these contradict "
            f"each other: {', '.join(names[:NAMED])}{more}. Have the query say one result an entity."
        )
    return first


def _chunks(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The query's rows, many at a time; also a table of none, so that the columns are known of an empty night."""
    held: list[pa.RecordBatch] = []
    for batch in reader:
        held.append(batch)
        if sum(len(one) for one in held) >= _ROWS_AT_ONCE:
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


def _first(entities: pa.Array, mask: pa.BooleanArray) -> str:
    return str(entities.filter(mask)[0].as_py())
