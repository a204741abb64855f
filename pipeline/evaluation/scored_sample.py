"""A run's published scores in memory, with the values of their slices: all of them, or a sample of a large run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.contract import ENTITY
from pipeline.databases import statements
from pipeline.databases.queries import Query
from pipeline.estimation.score_bins import ScoreBins
from pipeline.evaluation.metrics import LabelledScores
from pipeline.model.loaded_model import Floats
from pipeline.model.manifest import Manifest
from pipeline.runs import archive
from pipeline.runs.archive import ArchivedPart
from pipeline.store.parts import MissingPart

_MILLION = 1_000_000

_SQL = statements.load("evaluation/scored_sample")


@dataclass(frozen=True)
class ScoredSample:
    """Scores of a run.

    Attributes:
        rows: entity_id, score, label and class_scores.
        groups: for each row its values in the slices, as text.
        weight: how many entities of the run a row stands for: 1 unless it is a sample.
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


def empty(columns: tuple[str, ...]) -> ScoredSample:
    """A sample without rows."""
    groups = pa.table({column: pa.array([], pa.string()) for column in columns})
    return ScoredSample(_NO_ROWS, groups, 1.0, ())


def read(
    database_url: str, store: str, run: Mapping[str, Any], entities: int, columns: tuple[str, ...], most: int
) -> ScoredSample:
    """Read a run's scores.

    Args:
        database_url: the predictions database.
        store: where the run keeps its parts, which have the slices' values.
        run: the run's row, with its ledger.
        entities: how many the run has.
        columns: the slices.
        most: rows; of a larger run a sample is read, by a hash of the entity.

    Raises:
        PartError: a part is altered.
    """
    share = min(_MILLION, _MILLION * most // max(entities, 1))
    values = {"run_id": run["run_id"], "score_date": run["score_date"], "millionths": share}
    files = {part.number: part for part in archive.parts_of(run)}
    rows, groups, wanted, notes = [], [], list(columns), []
    with archive.by_part(
        database_url, Query(_SQL["scores"], values, "evaluation/scored_sample.sql")
    ) as stream:
        for _, number, batch in stream:
            rows.append(batch.drop_columns(["run_id", "part"]))
            sliced, missing = _groups(store, files[number], batch[ENTITY], wanted)
            groups.append(sliced)
            wanted = [column for column in wanted if column not in missing]
            notes += [f"no slice by {column}: {reason}" for column, reason in missing.items()]
    if not rows:
        return empty(columns)
    together = pa.concat_tables([sliced.select(wanted) for sliced in groups]).combine_chunks()
    return ScoredSample(pa.concat_tables(rows).combine_chunks(), together, _MILLION / share, tuple(notes))


def labelled(sample: ScoredSample, manifest: Manifest, outcome: Floats) -> LabelledScores:
    """The scores, each with its entity's outcome; NaN where there is none yet."""
    rows = sample.rows
    labels = class_scores = None
    if manifest.task != "regression":
        classes = pa.array(manifest.classes, pa.string())
        labels = pc.index_in(rows["label"].combine_chunks(), classes).to_numpy(zero_copy_only=False)
    if manifest.task == "multiclass":
        lists = rows["class_scores"].combine_chunks()
        class_scores = (
            lists.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), len(manifest.classes))
        )
    scores = rows["score"].to_numpy()
    label = None if labels is None else np.asarray(labels, np.int64)
    return LabelledScores(manifest.task, manifest.classes, outcome, scores, label, class_scores)


def bins(labelled: LabelledScores) -> ScoreBins | None:
    """The scores that have an outcome, as later runs' metrics are estimated from them; None of no binary model."""
    if labelled.task != "binary" or labelled.label is None:
        return None
    complete = labelled.where(~np.isnan(labelled.outcome))
    return ScoreBins.of(complete.score, labelled.label[~np.isnan(labelled.outcome)] == 1, complete.outcome)


def _groups(
    store: str, part: ArchivedPart, entities: pa.ChunkedArray, columns: list[str]
) -> tuple[pa.Table, dict[str, str]]:
    """A part's values in the slices, and why it lacks the others."""
    if not columns:
        return pa.table({}), {}
    try:
        sliced = archive.slices_of_part(store, part, entities, columns)
    except MissingPart as error:
        return pa.table({}), dict.fromkeys(columns, f"{error.path} is no longer in the store")
    present = [column for column in columns if column in sliced.column_names]
    texts = {column: pc.cast(sliced[column], pa.string()) for column in present}
    reasons = {
        column: "the model of the run does not take this column"
        for column in columns
        if column not in present
    }
    return pa.table(texts), reasons


_NO_ROWS = pa.table(
    {
        ENTITY: pa.array([], pa.string()),
        "score": pa.array([], pa.float64()),
        "label": pa.array([], pa.string()),
        "class_scores": pa.array([], pa.list_(pa.float64())),
    }
)
