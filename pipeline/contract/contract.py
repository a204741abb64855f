"""The contract of a model: the columns that it was trained on, as they were in training.

`infer.py` reads it once off the rows of training; the model's manifest keeps it.
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from pipeline.errors import ScoringError
from pipeline.worker import frames
from pipeline.worker.frames import NoNullError

ENTITY = "entity_id"
SCORE_DATE = "score_date"


# A free text is too long when it has more than so many times the characters of the longest text of training.
TOO_MANY_TIMES = 10

# An instant is a timestamp with a time zone.
Kind = Literal["integer", "number", "boolean", "text", "timestamp", "instant"]


class ContractError(ScoringError):
    """A query's columns, or a reference's, do not fit what the model takes."""


@dataclass(frozen=True)
class Column:
    """What the model was trained on in one column.

    Attributes:
        name: the feature's name.
        kind: the family of values.
        dtype: the pandas or NumPy dtype in which training saw it, and in which the model gets it.
        nullable: whether training saw nulls.
        categories: the texts that training saw, None for free text and other kinds.
        ordered: dtype `category` only: whether the categories have an order.
        minimum: the smallest number that training saw.
        maximum: the largest number that training saw.
        accepts_unknown: whether the model can score a text that training never saw.
        accepts_missing: whether the model can score a null where training saw none.
        longest: free text only: the characters of the longest text that training saw.
        earliest: timestamps and instants only: the first that training saw, as ISO text, instants in UTC.
        planned: timestamps and instants only: whether they are known in advance, such as a departure by the timetable.
    """

    name: str
    kind: Kind
    dtype: str
    nullable: bool
    categories: tuple[str, ...] | None = None
    ordered: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    accepts_unknown: bool = True
    accepts_missing: bool = False
    longest: int | None = None
    earliest: str | None = None
    planned: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that a value of the column can break."""
        time = self.kind in ("timestamp", "instant")
        applicable = {
            "type": True,
            "null": True,
            # Nanoseconds have no infinity, which has no exact form there.
            "finite": self.kind == "number" or (time and self.arrow.unit == "us"),
            "unknown_category": self.categories is not None,
            "out_of_range": self.minimum is not None or self.earliest is not None,
            "too_long": self.longest is not None,
            "future": time and not self.planned,
        }
        return tuple(rule for rule, applies in applicable.items() if applies)

    @property
    def takes_missing(self) -> bool:
        """Whether the model can score a null."""
        return self.nullable or self.accepts_missing

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which parts keep the column."""
        if self.kind == "text":
            return pa.string()
        if self.kind in ("timestamp", "instant"):
            # Of training's own unit, so that what it cannot keep is seen before the model gets it: nanoseconds reach
            # from 1677 to 2262 only, and milliseconds lose the microseconds of a database. Parquet has no seconds.
            unit = self.dtype.partition("[")[2][:2]
            return pa.timestamp(
                unit if unit in ("ns", "us") else "ms", "UTC" if self.kind == "instant" else None
            )
        if self.kind == "boolean":
            return pa.bool_()
        return pa.from_numpy_dtype(self.dtype.lower())


@dataclass(frozen=True)
class Contract:
    """The columns that a model takes, in the order in which it was trained on them."""

    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a part."""
        return pa.schema([(ENTITY, pa.string()), *((column.name, column.arrow) for column in self.columns)])

    def only(self, name: str) -> "Contract":
        """The contract of one column alone."""
        return Contract(tuple(column for column in self.columns if column.name == name))

    def frame(self, batch: pa.RecordBatch) -> pd.DataFrame:
        """The features of a part's batch just as training saw them: same names, order, dtypes and missing values."""
        try:
            return frames.frame(batch, self.columns)
        except NoNullError as error:
            raise ContractError(str(error)) from None
