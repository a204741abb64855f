"""Whether the query still gives the values that a model was trained on: its reference is read again from the warehouse.

A training script that reads the warehouse in its own way gets other values than nights do, such as a rounded price,
and nobody is told. So a few score dates of the reference are read as nights, and compared.
"""

import io
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract import policy
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, Contract
from pipeline.databases import queries, warehouse
from pipeline.errors import ScoringError
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion

SCORE_DATE = "score_date"

# The first, the middle and the last of the reference: each costs what a night's query costs.
SCORE_DATES = 3

# A correction in the warehouse touches few rows; another way of reading touches most of those that it concerns.
TOLERATED_SHARE = 0.05

# Bits of a float that are compared. The last ones depend on the order in which a database sums.
_BITS = 40

Hashes = npt.NDArray[np.uint64]


class RereadError(ScoringError):
    """A reference whose values are not those that the query gives."""


@dataclass
class _Compared:
    """The reference's rows of one score date, and which of their values the query gave.

    Attributes:
        day: the score date.
        frame: the rows, as the model gets them.
        hashes: for each column the hash of every value.
        entities: the rows' entities, where the reference has them.
        there: whether a row was met: its entity, else a row with the same values.
        same: for each column whether a row's value was met: at its entity, else anywhere.
        rows: how many rows the query gave.
    """

    day: date
    frame: pd.DataFrame
    hashes: dict[str, Hashes]
    entities: pa.Array | None
    there: npt.NDArray[np.bool_] = field(init=False)
    same: dict[str, npt.NDArray[np.bool_]] = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        self.there = np.zeros(len(self.frame), bool)
        self.same = {name: np.zeros(len(self.frame), bool) for name in self.hashes}

    def meet(self, frame: pd.DataFrame, entities: pa.Array) -> None:
        """Take rows that the query gave into account."""
        hashes = _hashes(frame)
        if self.entities is None:
            self.there |= np.isin(_of_rows(self.hashes), _of_rows(hashes))
            for name, values in self.hashes.items():
                self.same[name] |= np.isin(values, hashes[name])
            return
        place = pc.fill_null(pc.index_in(self.entities, entities), -1).to_numpy()
        met = place >= 0
        self.there |= met
        for name, values in self.hashes.items():
            self.same[name][met] = values[met] == hashes[name][place[met]]

    @property
    def done(self) -> bool:
        """Whether no further row could say more."""
        return bool(self.there.all())


def reread(places: Workspace, job: Job, pinned: PinnedVersion) -> str:
    """Compare the reference's rows of some score dates with what the query gives of them; returns what was found.

    Raises:
        RereadError: values differ in more rows than corrections would explain, or rows are missing.
        ModelError: the reference is missing or altered.
        WarehouseError: the database refused the query.
        ContractError: the query's columns do not fit the model.
    """
    table = pq.read_table(io.BytesIO(registry.reference(pinned)))
    if SCORE_DATE not in table.column_names:
        return (
            f"it has no column {SCORE_DATE!r}, so nobody can say whether the query gives the values of training. "
            "Write one that has it, as training_frame does."
        )
    days = pd.to_datetime(table[SCORE_DATE].to_pandas()).dt.date.to_numpy()
    known = sorted(set(days))
    chosen = [known[place] for place in np.unique(np.linspace(0, len(known) - 1, SCORE_DATES).astype(int))]
    contract = pinned.manifest.contract
    compared = [
        _read(places, job, pinned, _rows(table.filter(pa.array(days == day)), contract, day))
        for day in chosen
    ]
    return _conclude(compared, job.extract.query)


def _rows(table: pa.Table, contract: Contract, day: date) -> _Compared:
    columns = [table[column.name].combine_chunks().cast(column.arrow) for column in contract.columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=contract.schema.remove(0))
    frame = contract.frame(batch)
    entities = table[ENTITY].combine_chunks().cast(pa.string()) if ENTITY in table.column_names else None
    return _Compared(day, frame, _hashes(frame), entities)


def _read(places: Workspace, job: Job, pinned: PinnedVersion, compared: _Compared) -> _Compared:
    interval = dates.interval(compared.day, job.zone)
    query = queries.of_score_date(places.home / "sql", job.extract.query, compared.day, interval)
    contract = pinned.manifest.contract
    checker = Checker(
        contract, policy.of(job, contract, pinned.manifest.label), interval[1].astimezone(job.zone)
    )
    with warehouse.stream(places.warehouse, query) as reader:
        checker.schema(reader.schema, job.extract.query)
        for batch in reader:
            accepted = checker.check(batch).accepted
            compared.rows += batch.num_rows
            if accepted.num_rows:
                compared.meet(contract.frame(accepted), accepted.column(ENTITY))
            if compared.done:
                break
    return compared


def _conclude(compared: list[_Compared], origin: str) -> str:
    gone = [str(each.day) for each in compared if not each.rows]
    left = [each for each in compared if each.rows]
    missing = f"the query gives no rows of {', '.join(gone)} any more" if gone else ""
    if not left:
        return f"{missing}: its values cannot be compared with the warehouse's"
    rows = sum(len(each.frame) for each in left)
    problems: list[str] = []
    notes = [missing] if gone else []
    absent = sum(int(np.count_nonzero(~each.there)) for each in left)
    differing = {
        name: sum(int(np.count_nonzero(_differs(each, name))) for each in left) for name in left[0].hashes
    }
    for name, number in differing.items():
        if number:
            (problems if number > TOLERATED_SHARE * rows else notes).append(
                _sentence(left, name, number, rows)
            )
    if absent:
        sentence = f"{absent} of {rows} rows are not among those that the query gives and the job accepts"
        (problems if absent > TOLERATED_SHARE * rows and not problems else notes).append(sentence)
    if problems:
        raise RereadError(
            f"{origin}: the model was trained on other values than the query gives of the same score dates: "
            f"{'; '.join([*problems, *notes])}. Read the training rows with training_frame, and register the model "
            "again; or correct the query."
        )
    days = ", ".join(str(each.day) for each in left)
    return f"{rows} of its rows, of {days}, compared with the query's: " + (
        "; ".join(notes) or "every value is the same"
    )


def _differs(compared: _Compared, name: str) -> npt.NDArray[np.bool_]:
    """Rows whose value in a column is another; without entities every value that the query gave nowhere."""
    if compared.entities is None:
        return ~compared.same[name]
    return compared.there & ~compared.same[name]


def _sentence(compared: list[_Compared], name: str, number: int, rows: int) -> str:
    first = next(each for each in compared if _differs(each, name).any())
    value: Any = first.frame[name].iloc[int(_differs(first, name).argmax())]
    return f"column {name!r}: {number} of {rows} values, such as {value} on {first.day}"


def _hashes(frame: pd.DataFrame) -> dict[str, Hashes]:
    return {str(name): pd.util.hash_array(_plain(values)) for name, values in frame.items()}


def _plain(values: pd.Series) -> npt.NDArray[Any]:
    """Values of one column in a form whose hashes are equal where a model would see the same."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f":
        part, exponent = np.frexp(values.to_numpy(np.float64))
        rounded = np.ldexp(np.round(part * 2.0**_BITS), exponent) + 0.0  # -0.0 becomes 0.0
        return np.where(np.isnan(rounded), np.nan, rounded)
    return values.astype("str").where(values.notna(), "\0").to_numpy(object)


def _of_rows(hashes: dict[str, Hashes]) -> Hashes:
    """One hash for each row."""
    combined = np.zeros(len(next(iter(hashes.values()))), np.uint64)
    for values in hashes.values():
        combined = combined * np.uint64(1_000_003) ^ values
    return combined
