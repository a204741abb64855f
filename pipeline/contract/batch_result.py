"""A batch that was compared with its contract: the rows that may be scored, and why not the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.coerce import raw, storage, text

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
    """The rows of a batch that one rule rejects for one column, with the column's values as they were sent."""

    column: str
    rule: str
    mask: pa.BooleanArray
    values: pa.Array


@dataclass(frozen=True)
class BatchResult:
    """A batch compared with its contract.

    Attributes:
        accepted: the rows that may be scored: `entity_id` and the features, in the trained order.
        rejected_rows: how many rows were rejected.
        entities: as the query named the rows, also those that were rejected.
        row_numbers: the rows' numbers.
        violations: which rows broke which rule.
        keep_values: whether the reasons show the values too.
    """

    accepted: pa.RecordBatch
    rejected_rows: int
    entities: pa.Array
    row_numbers: pa.Array
    violations: tuple[Violation, ...]
    keep_values: bool

    def reasons(self) -> Iterator[pa.RecordBatch]:
        """One row (schema `REJECTED`) for each rule that a rejected row broke, a rule and a column at a time."""
        for violation in self.violations:
            where = pc.indices_nonzero(violation.mask)
            names = [pa.repeat(name, len(where)) for name in (violation.column, violation.rule)]
            value = (
                shown(violation.values.take(where)) if self.keep_values else pa.nulls(len(where), pa.string())
            )
            entity = shown(self.entities.take(where))
            yield pa.RecordBatch.from_arrays(
                [self.row_numbers.take(where), entity, *names, value], schema=REJECTED
            )

    @property
    def rejected(self) -> pa.Table:
        """All the reasons together."""
        return pa.Table.from_batches(self.reasons(), schema=REJECTED)


def shown(values: pa.Array) -> pa.Array:
    """Values as text for a person, cut to what one reads; what Postgres could not keep is written as an escape."""
    stored = storage(values)
    if pa.types.is_large_string(stored.type) or pa.types.is_string(stored.type):
        texts = text(stored)
        if texts.null_count > stored.null_count:
            texts = pa.array(
                [
                    None if cell is None else cell[: 4 * MAX_VALUE_LENGTH].decode("utf-8", "backslashreplace")
                    for cell in pc.cast(stored, pa.binary()).to_pylist()
                ],
                pa.string(),
            )
    else:
        texts = pc.cast(stored, pa.string())
    texts = _cut(texts)
    content = raw(texts)
    if len(content) and not content.min():
        return _cut(pc.replace_substring(texts, "\0", "\\x00"))
    return texts


def _cut(texts: pa.Array) -> pa.Array:
    if (pc.max(pc.binary_length(texts)).as_py() or 0) <= MAX_VALUE_LENGTH:
        return texts
    return pc.utf8_slice_codeunits(texts, 0, MAX_VALUE_LENGTH)
