"""A loaded model, explained: its output on its own scale, the background, and rows in blocks.

The scale is that on which a model's effects add up best: log odds of a probability, and a regression's own units. Rows
are explained block by block, and a block is one call of the model: on what is scored together, last bits may depend, so
the same blocks give the same bits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.attribution import background, walk
from pipeline.attribution.players import Player
from pipeline.attribution.walk import Shares
from pipeline.contract.contract import ENTITY
from pipeline.model.artifact import ModelError
from pipeline.model.loaded_model import Floats, Model
from pipeline.model.manifest import Task

# A probability that is closer to 0 or 1 counts as this close: log odds have no end, and a forest says 0 and 1.
LEAST = 1e-6
# By so much base and shares may miss an output, relative to its size where that is above 1.
EXACT = 1e-9
# As many rows a model scores in one call.
_ROWS_OF_A_CALL = 16_384

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Rows that are explained together.

    Attributes:
        rows: with `entity_id` and the model's columns.
        scores: what the run has published of them.
        shares: what moved each.
        gap: the largest difference between base with shares and a score on its scale, relative where that is above 1.
    """

    rows: pa.RecordBatch
    scores: Floats
    shares: Shares
    gap: float


@dataclass(frozen=True)
class Explainer:
    """A model with what it takes to explain rows.

    Attributes:
        model: the model.
        players: what takes the steps of a walk.
        background: rows that walks begin with, one for each pair of orders.
        starts: the model's outputs of them, shape (classes, pairs); of one class unless there are several.
    """

    model: Model
    players: Sequence[Player]
    background: pa.RecordBatch
    starts: Floats

    @classmethod
    def of(cls, model: Model, players: Sequence[Player], rows: pa.RecordBatch, orders: int) -> Self:
        """Prepare a model.

        Args:
            model: the model.
            players: its columns, as they move.
            rows: its background.
            orders: an even number; as many background rows are taken as there are pairs.
        """
        names = [name for player in players for name in player.columns]
        chosen = background.evenly(
            rows.select([name for name in rows.schema.names if name in names]), orders // 2
        )
        scores = model.score_batch(chosen)
        starts = scores.score[None, :] if scores.classes is None else scores.classes.T
        return cls(model, players, chosen, on_scale(model.manifest.task, starts))

    @property
    def block_rows(self) -> int:
        """How many rows are explained together."""
        orders = 2 * self.background.num_rows
        return max(1, _ROWS_OF_A_CALL // walk.calls(1, len(self.players), orders))

    def blocks(
        self, batches: Iterable[tuple[pa.RecordBatch, Floats]]
    ) -> Iterator[tuple[pa.RecordBatch, Floats]]:
        """Rows with their scores, cut into blocks, whatever batches they come in."""
        waiting: list[pa.RecordBatch] = []
        scores, size = np.empty(0), self.block_rows
        for batch, theirs in batches:
            rows = pa.Table.from_batches([*waiting, batch]).combine_chunks().to_batches()[0]
            scores = np.concatenate([scores, theirs])
            full = rows.num_rows // size * size
            for first in range(0, full, size):
                yield rows.slice(first, size), scores[first : first + size]
            waiting, scores = [rows.slice(full)] if rows.num_rows > full else [], scores[full:]
        if waiting:
            yield waiting[0], scores

    def explain(self, rows: pa.RecordBatch, scores: Floats) -> Block:
        """Explain a block.

        Args:
            rows: with `entity_id` and the model's columns.
            scores: what was published of them.

        Raises:
            ModelError: the scores are too large for the errors of contributions.
        """
        names = rows.column(ENTITY).to_pylist()
        own = self._classes(rows)
        shares = walk.explain(
            rows.select(self.background.schema.names),
            self.background,
            [player.columns for player in self.players],
            names,
            self.starts[own],
            lambda mixed, row: self._outputs(mixed, own[row]),
        )
        if not np.isfinite(shares.errors).all():
            raise ModelError(
                f"model {self.model.manifest.label}: its scores are so large that nobody can tell how certain "
                "contributions are. Give it a target in larger units."
            )
        published = on_scale(self.model.manifest.task, scores)
        missed = np.abs(shares.base + shares.values.sum(axis=1) - published) / np.maximum(
            1.0, np.abs(published)
        )
        return Block(rows, scores, shares, float(missed.max()))

    def _classes(self, rows: pa.RecordBatch) -> Integers:
        """Of each row the place of the class whose probability is its score."""
        if self.model.manifest.task != "multiclass":
            return np.zeros(rows.num_rows, np.int64)
        classes = self.model.score_batch(rows.select(self.background.schema.names)).classes
        own: Integers = np.asarray(classes).argmax(axis=1)
        return own

    def _outputs(self, rows: pa.RecordBatch, own: Integers) -> Floats:
        scores = self.model.score_batch(rows)
        values = scores.score if scores.classes is None else scores.classes[np.arange(len(own)), own]
        return on_scale(self.model.manifest.task, values)


def on_scale(task: Task, scores: Floats) -> Floats:
    """Scores on the scale of contributions: log odds of probabilities, a regression's values as they are."""
    if task == "regression":
        return scores
    within = np.clip(scores, LEAST, 1 - LEAST)
    odds: Floats = np.log(within) - np.log1p(-within)
    return odds
