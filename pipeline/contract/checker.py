"""Compare a run's rows with the model's contract: which may be scored, and why not the others.

Everything works on whole Arrow columns, batch by batch. Every rule that a row breaks is named, not the first alone.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract import schema, violations
from pipeline.contract.batch_result import BatchResult, Violation
from pipeline.contract.coerce import convert, raw, storage, text
from pipeline.contract.contract import ENTITY, Column, Contract
from pipeline.contract.policy import Policy
from pipeline.contract.violations import Limits


@dataclass
class Checker:
    """Compares a run's batches with a contract and counts the values that break its rules.

    Attributes:
        contract: the contract of the model that will score.
        policy: what becomes of the values that break a rule; the defaults, unless given.
        day_end: when the score date ends, in the job's time zone; later times come from the future.
        duplicates: the entities that come more than once and are to be rejected.
        shard: the number of the query's shard that is read; rows are numbered through all of them.
        shards: how many there are.
        counts: per column and rule, the values that broke it so far.
    """

    contract: Contract
    policy: Policy | None = None
    day_end: datetime | None = None
    duplicates: pa.Array | None = None
    shard: int = 0
    shards: int = 1
    counts: dict[str, Counter[str]] = field(init=False)
    _rows: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._policy = self.policy or Policy.resolve(self.contract)
        actions = self._policy.actions
        self._limits = {column.name: Limits.of(column, self.day_end) for column in self.contract.columns}
        # A rule that is ignored is not counted, and that is not the same as none.
        self.counts = {
            name: Counter({rule: 0 for rule, action in rules.items() if action != "ignore"})
            for name, rules in actions.items()
        }

    def schema(self, sent: pa.Schema, origin: str) -> None:
        """Refuse a query result whose columns the model cannot take, before any row is read.

        Raises:
            ContractError: a column is missing, comes twice, or is of another kind than in training; all are named.
        """
        schema.check_schema(self.contract, sent, origin)

    def check(self, batch: pa.RecordBatch) -> BatchResult:
        """Split a batch into the rows that may be scored and the reasons why the others may not."""
        entity = text(storage(batch.column(ENTITY)))
        broken = [Violation(ENTITY, *rule, batch.column(ENTITY)) for rule in self._entities(batch, entity)]
        accepted = [entity]
        for column in self.contract.columns:
            sent = batch.column(column.name)
            values, rejecting = self._column(sent, column)
            accepted.append(values)
            broken += [Violation(column.name, *rule, sent) for rule in rejecting]
        rows = pa.RecordBatch.from_arrays(accepted, schema=self.contract.schema)
        rejected = reduce(pc.or_, (violation.mask for violation in broken)) if broken else None
        numbers = pa.array(np.arange(self._rows, self._rows + len(batch)) * self.shards + self.shard)
        self._rows += len(batch)
        return BatchResult(
            accepted=rows if rejected is None else rows.filter(pc.invert(rejected)),
            rejected_rows=0 if rejected is None else rejected.true_count,
            entities=batch.column(ENTITY),
            row_numbers=numbers,
            violations=tuple(broken),
            keep_values=self._policy.keep_values,
        )

    def _entities(self, batch: pa.RecordBatch, entity: pa.Array) -> Iterable[tuple[str, pa.BooleanArray]]:
        sent = storage(batch.column(ENTITY))
        if sent.null_count:
            yield "null", pc.is_null(sent)
        if entity.null_count > sent.null_count:
            yield "type", pc.and_(pc.is_null(entity), pc.is_valid(sent))
        content = raw(entity)
        if len(content) and not content.min():
            # No text of Postgres may hold a NUL, so nobody could read the score.
            yield "type", pc.fill_null(pc.match_substring(entity, "\0"), False)
        if self.duplicates is not None and len(self.duplicates):
            yield "unique", pc.and_(pc.is_valid(entity), pc.is_in(entity, self.duplicates))

    def _column(self, sent: pa.Array, column: Column) -> tuple[pa.Array, list[tuple[str, pa.BooleanArray]]]:
        """A column's values as the model takes them, and the rules that reject rows."""
        actions = self._policy.actions[column.name]
        values, unreadable = convert(sent, column)
        broken = [] if unreadable is None else [("type", unreadable)]
        if values.null_count:
            missing = pc.is_null(values)
            broken.append(("null", missing if unreadable is None else pc.and_not(missing, unreadable)))
        infinite = violations.infinite(values)
        if infinite is not None:
            broken.append(("finite", infinite))
            if actions["finite"] != "reject":
                values = pc.if_else(infinite, pa.scalar(None, values.type), values)
        broken += violations.other_rules(values, self._limits[column.name])
        for rule, mask in broken:
            if actions[rule] != "ignore":
                self.counts[column.name][rule] += mask.true_count
        return values, [
            (rule, mask) for rule, mask in broken if actions[rule] == "reject" and mask.true_count
        ]
