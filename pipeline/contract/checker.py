"""Hold a night's rows against the model's contract: which may be scored, and why not the others.

Everything works on whole Arrow columns, batch by batch. Every rule that a row breaks is told, not the first alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract import schema, violations
from pipeline.contract.coerce import convert, raw, storage, text
from pipeline.contract.contract import ENTITY, Column, Contract
from pipeline.contract.policy import Policy, resolve
from pipeline.contract.violations import Limits

# A rejected value is kept for a person to read, not to process.
MAX_VALUE_LENGTH = 200

REJECTED = pa.schema(
    {
        "row_number": pa.int64(),
        "entity_id": pa.string(),
        "column_name": pa.string(),
        "rule": pa.string(),
        "value": pa.string(),
    }
)


@dataclass(frozen=True)
class Violation:
    """The rows of a batch that one rule rejects for one column."""

    column: str
    rule: str
    mask: pa.BooleanArray
    found: pa.Array


@dataclass(frozen=True)
class BatchResult:
    """A batch held against its contract.

    Attributes:
        accepted: the rows that may be scored: `entity_id` and the features, in the trained order.
        rejected_rows: how many rows were rejected.
        entities: as the query named the rows, also those that were rejected.
        row_numbers: the rows' numbers.
        failures: which rows broke which rule.
        keep_values: whether the reasons say the values too.
    """

    accepted: pa.RecordBatch
    rejected_rows: int
    entities: pa.Array
    row_numbers: pa.Array
    failures: tuple[Violation, ...]
    keep_values: bool

    def reasons(self) -> Iterator[pa.RecordBatch]:
        """One row (schema `REJECTED`) for each rule that a rejected row broke, a rule and a column at a time."""
        for failure in self.failures:
            where = pc.indices_nonzero(failure.mask)
            names = [pa.repeat(name, len(where)) for name in (failure.column, failure.rule)]
            value = (
                shown(failure.found.take(where)) if self.keep_values else pa.nulls(len(where), pa.string())
            )
            entity = shown(self.entities.take(where))
            yield pa.RecordBatch.from_arrays(
                [self.row_numbers.take(where), entity, *names, value], schema=REJECTED
            )

    @property
    def rejected(self) -> pa.Table:
        """All the reasons together."""
        return pa.Table.from_batches(self.reasons(), schema=REJECTED)


@dataclass
class Checker:
    """Holds one night's batches against a contract and counts what it sees.

    Attributes:
        contract: the contract of the model that will score.
        policy: what becomes of the values that break a rule; as if the job said nothing, unless given.
        night_end: when the score date ends, in the job's time zone; later times come from the future.
        doubled: the entities that come more than once and are to be rejected.
        shard: the number of the query's shard that is read; rows are numbered through all of them.
        shards: how many there are.
        counts: per column and rule, the values that broke it so far.
    """

    contract: Contract
    policy: Policy | None = None
    night_end: datetime | None = None
    doubled: pa.Array | None = None
    shard: int = 0
    shards: int = 1
    counts: dict[str, Counter[str]] = field(init=False)
    _rows: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._settled = self.policy or resolve(self.contract)
        actions = self._settled.actions
        self._limits = {column.name: Limits.of(column, self.night_end) for column in self.contract.columns}
        # A rule that is ignored is not counted, and that is not the same as none.
        self.counts = {
            name: Counter({rule: 0 for rule, action in rules.items() if action != "ignore"})
            for name, rules in actions.items()
        }

    def schema(self, found: pa.Schema, origin: str) -> None:
        """Refuse a query result whose columns the model cannot take, before any row is read.

        Raises:
            ContractError: a column is missing, doubled, or of another kind than in training; all are named.
        """
        schema.check_schema(self.contract, found, origin)

    def check(self, batch: pa.RecordBatch) -> BatchResult:
        """Split a batch into the rows that may be scored and the reasons why the others may not."""
        entity = text(storage(batch.column(ENTITY)))
        failures = [
            Violation(ENTITY, *broken, batch.column(ENTITY)) for broken in self._entities(batch, entity)
        ]
        accepted = [entity]
        for column in self.contract.columns:
            values, broken = self._column(batch.column(column.name), column)
            accepted.append(values)
            failures += [Violation(column.name, *one, batch.column(column.name)) for one in broken]
        rows = pa.RecordBatch.from_arrays(accepted, schema=self.contract.schema)
        bad = reduce(pc.or_, (failure.mask for failure in failures)) if failures else None
        numbers = pa.array(np.arange(self._rows, self._rows + len(batch)) * self.shards + self.shard)
        self._rows += len(batch)
        return BatchResult(
            accepted=rows if bad is None else rows.filter(pc.invert(bad)),
            rejected_rows=0 if bad is None else bad.true_count,
            entities=batch.column(ENTITY),
            row_numbers=numbers,
            failures=tuple(failures),
            keep_values=self._settled.keep_values,
        )

    def _entities(self, batch: pa.RecordBatch, entity: pa.Array) -> Iterable[tuple[str, pa.BooleanArray]]:
        sent = storage(batch.column(ENTITY))
        if sent.null_count:
            yield "null", pc.is_null(sent)
        if entity.null_count > sent.null_count:
            yield "type", pc.and_(pc.is_null(entity), pc.is_valid(sent))
        letters = raw(entity)
        if len(letters) and not letters.min():
            # No text of Postgres may hold a NUL, so nobody could be told the score.
            yield "type", pc.fill_null(pc.match_substring(entity, "\0"), False)
        if self.doubled is not None and len(self.doubled):
            yield "unique", pc.and_(pc.is_valid(entity), pc.is_in(entity, self.doubled))

    def _column(self, found: pa.Array, column: Column) -> tuple[pa.Array, list[tuple[str, pa.BooleanArray]]]:
        """A column's values as the model takes them, and the rules that reject rows."""
        actions = self._settled.actions[column.name]
        values, unreadable = convert(found, column)
        broken = [] if unreadable is None else [("type", unreadable)]
        if values.null_count:
            missing = pc.is_null(values)
            broken.append(("null", missing if unreadable is None else pc.and_not(missing, unreadable)))
        infinite = violations.infinite(values)
        if infinite is not None:
            broken.append(("finite", infinite))
            if actions["finite"] != "reject":
                values = pc.if_else(infinite, pa.scalar(None, values.type), values)
        broken += violations.others(values, self._limits[column.name])
        for rule, mask in broken:
            if actions[rule] != "ignore":
                self.counts[column.name][rule] += mask.true_count
        return values, [
            (rule, mask) for rule, mask in broken if actions[rule] == "reject" and mask.true_count
        ]


def shown(found: pa.Array) -> pa.Array:
    """Values as text for a person, cut to what one reads; what Postgres could not keep is written as an escape."""
    stored = storage(found)
    if pa.types.is_large_string(stored.type) or pa.types.is_string(stored.type):
        said = text(stored)
        if said.null_count > stored.null_count:
            said = pa.array(
                [
                    None if cell is None else cell[: 4 * MAX_VALUE_LENGTH].decode("utf-8", "backslashreplace")
                    for cell in pc.cast(stored, pa.binary()).to_pylist()
                ],
                pa.string(),
            )
    else:
        said = pc.cast(stored, pa.string())
    said = _cut(said)
    letters = raw(said)
    return _cut(pc.replace_substring(said, "\0", "\\x00")) if len(letters) and not letters.min() else said


def _cut(said: pa.Array) -> pa.Array:
    if (pc.max(pc.binary_length(said)).as_py() or 0) <= MAX_VALUE_LENGTH:
        return said
    return pc.utf8_slice_codeunits(said, 0, MAX_VALUE_LENGTH)
