"""The rows of a part that are to be explained, with their scores, in the order in which the model got them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.attribution.walk import Floats
from pipeline.contract.contract import ENTITY
from pipeline.runs.archive import File
from pipeline.store import parts

# A file of entities that get reasons.
CHOSEN = pa.schema({ENTITY: pa.string()})


@dataclass(frozen=True)
class Chosen:
    """A part, and which of its rows get reasons.

    Attributes:
        store: where runs keep their parts.
        input: the rows that the model got.
        scored: the scores that it gave.
        least: the least score that gets reasons; None where that does not matter.
        among: the entities that get reasons; None where that does not matter.
    """

    store: str
    input: File
    scored: File
    least: float | None = None
    among: pa.Array | None = None

    def read(self) -> Iterator[tuple[pa.RecordBatch, Floats]]:
        """The rows, batch by batch, each with its scores; rows on which the model raised have none, and no reasons.

        Raises:
            PartError: a file is missing or altered.
        """
        columns = [ENTITY, "score"]
        batches = list(parts.read(self.store, self.scored.path, self.scored, columns))
        if not batches:  # the model raised on every row
            return
        scored = pa.Table.from_batches(batches)
        entities, scores = scored[ENTITY].combine_chunks(), scored["score"].to_numpy()
        for batch in parts.read(self.store, self.input.path, self.input):
            place = pc.fill_null(pc.index_in(batch.column(ENTITY), entities), -1).to_numpy()
            theirs = np.where(place >= 0, scores[place], np.nan)
            wanted = place >= 0 if self.least is None else theirs >= self.least
            if self.among is not None:
                wanted &= pc.is_in(batch.column(ENTITY), self.among).to_numpy(zero_copy_only=False)
            if wanted.any():
                yield batch.filter(pa.array(wanted)), theirs[wanted]
