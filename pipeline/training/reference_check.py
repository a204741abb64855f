"""Whether the query still gives the values that a model was trained on: its reference is read again from the warehouse.

A training script that reads the warehouse in its own way gets other values than runs do, such as a rounded price, and
nobody notices. So a few score dates of the reference are read as runs read them, and compared.
"""

import io
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.contract import ENTITY, SCORE_DATE, Contract
from pipeline.contract.policy import Policy
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.training.comparison import Comparison

# The first, the middle and the last of the reference: each costs what a run's query costs.
SCORE_DATES = 3

# A correction in the warehouse touches few rows; another way of reading touches most of those that it concerns.
TOLERATED_SHARE = 0.05


class RereadError(ScoringError):
    """A reference whose values are not those that the query gives."""


def reread(workspace: Workspace, job: Job, pinned: PinnedVersion) -> str:
    """Compare the reference's rows of some score dates with what the query gives of them; returns the result in words.

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
    distinct = sorted(set(days))
    chosen = np.unique(np.linspace(0, len(distinct) - 1, SCORE_DATES).astype(int))
    contract = pinned.manifest.contract
    comparisons = []
    for day in (distinct[index] for index in chosen):
        comparison = _comparison(table.filter(pa.array(days == day)), contract, day)
        _read(workspace, job, pinned, comparison)
        comparisons.append(comparison)
    return _conclude(comparisons, job.extract.query)


def _comparison(table: pa.Table, contract: Contract, day: date) -> Comparison:
    columns = [table[column.name].combine_chunks().cast(column.arrow) for column in contract.columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=contract.schema.remove(0))
    frame = contract.frame(batch)
    entities = table[ENTITY].combine_chunks().cast(pa.string()) if ENTITY in table.column_names else None
    return Comparison(day, frame, entities)


def _read(workspace: Workspace, job: Job, pinned: PinnedVersion, comparison: Comparison) -> None:
    """Read the query's rows of a comparison's score date, as far as they may change it."""
    text = queries.read(workspace.home / "sql", job.extract.query)
    query = Query(text, dates.query_values(comparison.day, job.zone), job.extract.query)
    _, end = dates.interval(comparison.day, job.zone)
    contract = pinned.manifest.contract
    checker = Checker(contract, Policy.of(job, contract, pinned.manifest.label), end.astimezone(job.zone))
    with warehouse.stream(workspace.warehouse, query) as reader:
        checker.schema(reader.schema, job.extract.query)
        for batch in reader:
            accepted = checker.check(batch).accepted
            comparison.rows += batch.num_rows
            if accepted.num_rows:
                comparison.add(contract.frame(accepted), accepted.column(ENTITY))
            if comparison.done:
                break


def _conclude(comparisons: list[Comparison], origin: str) -> str:
    """What the comparisons show, in words."""
    gone = [str(comparison.day) for comparison in comparisons if not comparison.rows]
    left = [comparison for comparison in comparisons if comparison.rows]
    missing = f"the query gives no rows of {', '.join(gone)} any more" if gone else ""
    if not left:
        return f"{missing}: its values cannot be compared with the warehouse's"
    rows = sum(len(comparison.frame) for comparison in left)
    problems: list[str] = []
    notes = [missing] if gone else []
    for name in left[0].hashes:
        number = sum(int(np.count_nonzero(comparison.differs(name))) for comparison in left)
        if number:
            sentence = _sentence(left, name, number, rows)
            (problems if number > TOLERATED_SHARE * rows else notes).append(sentence)
    if absent := sum(int(np.count_nonzero(~comparison.present)) for comparison in left):
        sentence = f"{absent} of {rows} rows are not among those that the query gives and the job accepts"
        (problems if absent > TOLERATED_SHARE * rows and not problems else notes).append(sentence)
    if problems:
        raise RereadError(
            f"{origin}: the model was trained on other values than the query gives of the same score dates: "
            f"{'; '.join([*problems, *notes])}. Read the training rows with training_frame, and register the model "
            "again; or correct the query."
        )
    days = ", ".join(str(comparison.day) for comparison in left)
    return f"{rows} of its rows, of {days}, compared with the query's: " + (
        "; ".join(notes) or "every value is the same"
    )


def _sentence(comparisons: list[Comparison], name: str, number: int, rows: int) -> str:
    first = next(comparison for comparison in comparisons if comparison.differs(name).any())
    value: Any = first.frame[name].iloc[int(first.differs(name).argmax())]
    return f"column {name!r}: {number} of {rows} values, such as {value} on {first.day}"
