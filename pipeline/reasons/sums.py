"""Contributions, summed: of all entities of a part and by the values of slices, and the parts together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.attribution import players
from pipeline.attribution.explainer import Block
from pipeline.attribution.players import Player
from pipeline.attribution.walk import Floats
from pipeline.contract.batch_result import MAX_VALUE_LENGTH

# A slice with more values than this is left out: nobody reads so long a table.
MOST_VALUES = 100

SUMS = pa.schema(
    {
        "column_name": pa.string(),
        "slice": pa.string(),
        "slice_value": pa.string(),
        "entities": pa.int64(),
        "total": pa.float64(),
        "total_size": pa.float64(),
        "training_size": pa.float64(),
    }
)

# The column or group, the slice, and its value; both empty for all entities.
Key = tuple[str, str, str]


@dataclass
class Sum:
    """Contributions of some entities.

    Attributes:
        entities: how many.
        total: their sum.
        total_size: the sum of their sizes, whatever the signs.
        training_size: the mean size over rows of training; None where it was not computed.
    """

    entities: int = 0
    total: float = 0.0
    total_size: float = 0.0
    training_size: float | None = None

    def add(self, other: "Sum") -> None:
        """Add those of other entities."""
        self.entities += other.entities
        self.total += other.total
        self.total_size += other.total_size
        self.training_size = other.training_size if self.training_size is None else self.training_size


@dataclass
class Sums:
    """Contributions of a part, as blocks of it come.

    Attributes:
        players: what takes the steps of a walk.
        slices: features by whose values they are summed.
        by_key: what has come so far.
    """

    players: Sequence[Player]
    slices: Sequence[str] = ()
    by_key: dict[Key, Sum] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Add a block."""
        values = block.shares.values
        self._add("", "", values)
        for name in self.slices:
            texts = players.as_text(block.rows.column(name)).fill_null("")
            # Longer ones have no place in an index of Postgres.
            encoded = pc.utf8_slice_codeunits(texts, 0, MAX_VALUE_LENGTH).dictionary_encode()
            codes = encoded.indices.to_numpy()
            for code, text in enumerate(encoded.dictionary.to_pylist()):
                self._add(name, text, values[codes == code])

    def training(self, sizes: Floats) -> None:
        """Note the mean sizes over rows of training."""
        for player, size in zip(self.players, sizes.tolist(), strict=True):
            self.by_key.setdefault((player.name, "", ""), Sum()).training_size = size

    def batch(self) -> pa.RecordBatch:
        """All of them, as rows of schema `SUMS`."""
        rows = [
            (*key, one.entities, one.total, one.total_size, one.training_size)
            for key, one in self.by_key.items()
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(SUMS)
        return pa.RecordBatch.from_arrays(
            [pa.array(column, each.type) for column, each in zip(columns, SUMS, strict=True)], schema=SUMS
        )

    def _add(self, name: str, text: str, values: Floats) -> None:
        totals, sizes = values.sum(axis=0).tolist(), np.abs(values).sum(axis=0).tolist()
        for player, total, size in zip(self.players, totals, sizes, strict=True):
            self.by_key.setdefault((player.name, name, text), Sum()).add(Sum(len(values), total, size))


def merged(batches: Iterable[pa.RecordBatch]) -> Mapping[Key, Sum]:
    """The sums of all parts together, without slices that have too many values.

    What is a single entity's own is left out, too, for it would outlive an erasure: sums of one entity, and of a slice
    those that would leave one entity's between them and the whole.
    """
    together: dict[Key, Sum] = {}
    for batch in batches:
        for key, one in _rows(batch):
            together.setdefault(key, Sum()).add(one)
    values: dict[str, dict[str, int]] = {}
    for (_, name, text), each in together.items():
        values.setdefault(name, {})[text] = each.entities
    shown = {name: _shown(entities) for name, entities in values.items()}
    return {key: each for key, each in together.items() if key[2] in shown[key[1]]}


def _shown(entities: Mapping[str, int]) -> set[str]:
    """The values of a slice whose sums may be kept, of how many entities each has."""
    if len(entities) > MOST_VALUES:
        return set()
    several = sorted(
        (text for text, number in entities.items() if number > 1), key=lambda text: entities[text]
    )
    if len(entities) - len(several) == 1:
        return set(several[1:])
    return set(several)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Key, Sum]]:
    for row in batch.to_pylist():
        key = row["column_name"], row["slice"], row["slice_value"]
        yield key, Sum(row["entities"], row["total"], row["total_size"], row["training_size"])
