"""A summary of training rows: how many there are and why others were left out, with its refusals and warnings."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.batch_result import BatchResult
from pipeline.errors import ScoringError

# A float has all integers up to here; pandas takes a column of integers with gaps for floats.
_EXACT_FLOATS = 2**53


class TrainingError(ScoringError):
    """Training rows that cannot be had as they are asked for."""


@dataclass
class Summary:
    """What was seen of all training rows: their number, those left out, and gaps among large integers.

    Attributes:
        origin: the query's file.
        rows: rows that were kept.
        left_out: rows that were not.
        reasons: how many rows broke each rule of each column.
        foreign: columns of a type that no model takes, with that type.
        gaps: columns of integers that have a null.
        large: columns of integers that have one which no float has.
    """

    origin: str
    rows: int = 0
    left_out: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    foreign: dict[str, str] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)

    def add(self, batch: BatchResult) -> None:
        """Take a batch into account."""
        self.rows += batch.accepted.num_rows
        self.left_out += batch.rejected_rows
        for violation in batch.violations:
            self.reasons[violation.column, violation.rule] += violation.mask.true_count
        for column in batch.accepted.schema:
            values = batch.accepted.column(column.name)
            if not pa.types.is_integer(column.type):
                continue
            if values.null_count:
                self.gaps.add(column.name)
            limits = pc.min_max(values).as_py()
            if max(abs(limit or 0) for limit in limits.values()) > _EXACT_FLOATS:
                self.large.add(column.name)

    def require_rows(self, first: date, last: date) -> None:
        """Refuse what is empty, and what pandas would round."""
        if not self.rows:
            left_out = f", save {self.left_out} that every run would reject" if self.left_out else ""
            raise TrainingError(
                f"{self.origin} gives no rows from {first} to {last}{left_out}. Name dates that have some."
            )
        if both := sorted(self.gaps & self.large):
            raise TrainingError(
                f"{self.origin}: column {both[0]!r} has nulls and integers beyond 2^53, which pandas would round. "
                f"Fill the nulls in the query, or make the column text: CAST({both[0]} AS text)."
            )

    def warnings(self) -> Iterator[str]:
        """Sentences about the columns and the rows that were left out."""
        for column, kind in self.foreign.items():
            yield (
                f"{self.origin}: column {column!r} is {kind}, which no model takes, and is left out. "
                "Convert it in the query."
            )
        if self.left_out:
            reasons = ", ".join(f"{column}: {rule} ({rows})" for (column, rule), rows in self.reasons.items())
            yield (
                f"{self.origin}: {self.left_out} of {self.rows + self.left_out} rows are left out, as every run "
                f"would reject them: {reasons}. Correct them in the warehouse, or leave them out in the query."
            )
