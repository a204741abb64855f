"""Two runs by slice: the scores come from the database, the slices' values from the parts, one part at a time.

So neither the run nor its slices are ever in memory as a whole, and the database needs no right to make tables.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.runs import archive
from pipeline.runs.archive import MAX_SLICE_VALUES, slices_of_part
from pipeline.store.parts import MissingPart

Totals = dict[str | None, Counter[str]]


@dataclass(frozen=True)
class Slice:
    """The entities that have one value in one column: in the second run, or in the first where they vanished.

    Attributes:
        column: the query's column.
        value: its value as text; None for null.
        entities: in either run.
        appeared: in the second run only.
        vanished: in the first run only.
        changed: in both, with scores that are not exactly the same.
        mean_before: mean score in the first run; None where no entity has one.
        mean_after: mean score in the second run.
    """

    column: str
    value: str | None
    entities: int
    appeared: int
    vanished: int
    changed: int
    mean_before: float | None
    mean_after: float | None


def compare(
    database_url: str, store: str, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]
) -> tuple[list[Slice], list[str]]:
    """Break the difference between two runs down by the values of columns.

    Args:
        database_url: of the predictions database.
        store: where the runs keep their parts.
        rows: the two runs' rows, with their ledgers.
        columns: the columns, which the parts must have.

    Returns:
        the slices, those with most entities first; and notes of what could not be shown.

    Raises:
        PartError: a part is altered.
    """
    files = {(row["run_id"], part.number): part for row in rows for part in archive.parts_of(row)}
    totals: dict[str, Totals] = {column: defaultdict(Counter) for column in columns}
    notes = []
    try:
        before, after = ((row["run_id"], row["score_date"]) for row in rows)
        with archive.pairs(database_url, before, after) as stream:
            for run_id, number, pairs in stream:
                sliced = slices_of_part(store, files[run_id, number], pairs[ENTITY], list(totals))
                for column in list(totals):
                    if column in sliced.column_names:
                        _add(totals[column], sliced[column], pairs)
                        problem = f"it has more than {MAX_SLICE_VALUES} values"
                    else:
                        problem = f"the model of run {run_id} does not take this column"
                    if column not in sliced.column_names or len(totals[column]) > MAX_SLICE_VALUES:
                        notes.append(f"no slices by {column}: {problem}")
                        del totals[column]
    except MissingPart as error:
        return [], [f"no slices: {error.path} is no longer in the store"]
    return [
        _slice(column, *item)
        for column, by_value in totals.items()
        for item in sorted(by_value.items(), key=_largest_first)
    ], notes


def _add(totals: Totals, values: pa.ChunkedArray, pairs: pa.Table) -> None:
    before, after = pairs["before"], pairs["after"]
    added = {
        "entities": pc.is_valid(pairs[ENTITY]),
        "appeared": pc.is_null(before),
        "vanished": pc.is_null(after),
        "changed": pc.not_equal(before, after),
        "scored_before": pc.is_valid(before),
        "scored_after": pc.is_valid(after),
        "before": before,
        "after": after,
    }
    table = pa.table({"value": pc.cast(values, pa.string()), **added})
    for row in table.group_by("value").aggregate([(name, "sum") for name in added]).to_pylist():
        for name in added:
            totals[row["value"]][name] += row[f"{name}_sum"] or 0


def _slice(column: str, value: str | None, total: Counter[str]) -> Slice:
    return Slice(
        column=column,
        value=value,
        entities=total["entities"],
        appeared=total["appeared"],
        vanished=total["vanished"],
        changed=total["changed"],
        mean_before=total["before"] / total["scored_before"] if total["scored_before"] else None,
        mean_after=total["after"] / total["scored_after"] if total["scored_after"] else None,
    )


def _largest_first(item: tuple[str | None, Counter[str]]) -> tuple[int, str]:
    return -item[1]["entities"], item[0] or ""
