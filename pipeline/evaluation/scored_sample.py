"""A night's published scores in memory, with the values of their slices: all of them, or a sample of a large night."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.evaluation.metrics import Judged
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest
from pipeline.runs import archive
from pipeline.runs.archive import ArchivedPart
from pipeline.store.parts import MissingPart

_WHOLE = 1_000_000


@dataclass(frozen=True)
class Night:
    """Scores of a run.

    Attributes:
        rows: entity_id, score, label and class_scores.
        groups: for each row its values in the slices, as text.
        weight: how many entities of the night a row stands for: 1 unless it is a sample.
        notes: slices that could not be had, and why.
    """

    rows: pa.Table
    groups: pa.Table
    weight: float
    notes: tuple[str, ...]

    @property
    def table(self) -> pa.Table:
        """All of it, as a job's business query sees it."""
        table = self.rows.append_column("weight", pa.repeat(self.weight, len(self.rows)))
        for name, values in zip(self.groups.column_names, self.groups.columns, strict=True):
            if name not in table.column_names:
                table = table.append_column(name, values)
        return table


def nothing(columns: tuple[str, ...]) -> Night:
    """A night without rows."""
    groups = pa.table({column: pa.array([], pa.string()) for column in columns})
    return Night(_NOTHING, groups, 1.0, ())


def read(
    uri: str, store: str, run: Mapping[str, Any], entities: int, columns: tuple[str, ...], most: int
) -> Night:
    """Read a run's scores.

    Args:
        uri: the predictions database.
        store: where the run keeps its parts, which have the slices' values.
        run: the run's row, with its ledger.
        entities: how many the run has.
        columns: the slices.
        most: rows; of a larger night a sample is read, by a hash of the entity.

    Raises:
        PartError: a part is altered.
    """
    share = min(_WHOLE, _WHOLE * most // max(entities, 1))
    values = {"run_id": run["run_id"], "score_date": run["score_date"], "millionths": share}
    files = {part.number: part for part in archive.parts_of(run)}
    rows, groups, wanted, notes = [], [], list(columns), []
    with archive.by_part(uri, "outcomes/scores.sql", values) as stream:
        for _, number, found in stream:
            rows.append(found.drop_columns(["run_id", "part"]))
            sliced, missing = _groups(store, files[number], found[ENTITY], wanted)
            groups.append(sliced)
            wanted = [column for column in wanted if column not in missing]
            notes += [f"no slice by {column}: {reason}" for column, reason in missing.items()]
    if not rows:
        return nothing(columns)
    together = pa.concat_tables([one.select(wanted) for one in groups]).combine_chunks()
    return Night(pa.concat_tables(rows).combine_chunks(), together, _WHOLE / share, tuple(notes))


def judged(night: Night, manifest: Manifest, actual: Floats) -> Judged:
    """The night's scores beside what became of each entity; NaN where nobody knows yet."""
    rows = night.rows
    labels = classes = None
    if manifest.task != "regression":
        known = pa.array(manifest.classes, pa.string())
        labels = pc.index_in(rows["label"].combine_chunks(), known).to_numpy(zero_copy_only=False)
    if manifest.task == "multiclass":
        lists = rows["class_scores"].combine_chunks()
        classes = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), len(manifest.classes))
    scores = rows["score"].to_numpy()
    label = None if labels is None else np.asarray(labels, np.int64)
    return Judged(manifest.task, manifest.classes, actual, scores, label, classes)


def _groups(
    store: str, part: ArchivedPart, entities: pa.ChunkedArray, columns: list[str]
) -> tuple[pa.Table, dict[str, str]]:
    """A part's values in the slices, and the slices that it has not with the reason."""
    if not columns:
        return pa.table({}), {}
    try:
        found = archive.slices_of_part(store, part, entities, columns)
    except MissingPart as error:
        return pa.table({}), dict.fromkeys(columns, f"{error.path} is no longer in the store")
    there = [column for column in columns if column in found.column_names]
    texts = {column: pc.cast(found[column], pa.string()) for column in there}
    reasons = {
        column: "the model of the run does not take this column" for column in columns if column not in there
    }
    return pa.table(texts), reasons


_NOTHING = pa.table(
    {
        ENTITY: pa.array([], pa.string()),
        "score": pa.array([], pa.float64()),
        "label": pa.array([], pa.string()),
        "class_scores": pa.array([], pa.list_(pa.float64())),
    }
)
