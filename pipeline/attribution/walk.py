"""How much each column moved a row's score: walks from a background row to the row, one column at a time.

A walk begins with a background row and takes the values of the row that is explained, column by column in some order.
What the output changes by at a step is that column's share; so the shares of a walk add up to the whole way, whatever
the model. Averaged over orders these are Shapley values (Castro, Gómez and Tejada 2009, "Polynomial calculation of the
Shapley value based on sampling"). Orders come in pairs, one the other backwards, which leaves less to chance (Mitchell,
Cooper, Frank and Holmes 2022, "Sampling permutations for Shapley value estimation"). Columns that a step has not come
to keep the background row's values, whatever the others are: interventional values (Janzing, Minorics and Blöbaum 2020,
"Feature relevance quantification in explainable AI: a causal problem").
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

# Gives the output of each row of a batch; beside it, of which explained row it is a mixture.
Outputs = Callable[[pa.RecordBatch, Integers], Floats]

# Outputs that differ by less, relative to their size, are the same: last bits may depend on a row's place in a batch.
SAME = 2e-10


@dataclass(frozen=True)
class Shares:
    """What moved each of some rows from the background to its output.

    Attributes:
        outputs: of the rows themselves, shape (rows,).
        base: the mean output of the background, shape (rows,).
        values: the mean share of each player, shape (rows, players).
        pairs: the same of each pair of orders, shape (rows, pairs, players).
    """

    outputs: Floats
    base: Floats
    values: Floats
    pairs: Floats

    @property
    def errors(self) -> Floats:
        """The standard error of each mean share: what another background and other orders would change it by."""
        number = self.pairs.shape[1]
        errors: Floats = self.pairs.std(axis=1, ddof=1) / np.sqrt(number)
        return errors

    @property
    def gaps(self) -> Floats:
        """By how much base and shares together miss each output."""
        gaps: Floats = np.abs(self.base + self.values.sum(axis=1) - self.outputs)
        return gaps


@dataclass(frozen=True)
class _Paths:
    """The walks of some rows.

    Attributes:
        position: at which step a player moves, from 0; shape (rows, orders, players).
        moves: whether it has another value than in the background at all; of the same shape.
        lengths: how many players move, shape (rows, orders).
    """

    position: Integers
    moves: Booleans
    lengths: Integers


def explain(
    rows: pa.RecordBatch,
    background: pa.RecordBatch,
    players: Sequence[Sequence[str]],
    names: Sequence[str],
    starts: Floats,
    outputs: Outputs,
) -> Shares:
    """Walk to each row from every background row, forth and back in the players, and average.

    A player whose values are the background row's own takes no step, and costs no call. The orders of a row follow from
    its name alone, and no row's from another's.

    Args:
        rows: the rows that are explained, with the model's columns.
        background: rows to begin with, as many as there are pairs of orders; two at least.
        players: the columns that move together, each column once.
        names: of the rows.
        starts: what the model gives for the background rows, shape (rows, pairs).
        outputs: the model; it is called once.
    """
    number = rows.num_rows
    paths = _paths(_differing(rows, background, players), _orders(names, background.num_rows, len(players)))
    steps = np.arange(1, len(players))
    row, order, step = np.nonzero(steps[None, None, :] < paths.lengths[:, :, None])
    own = paths.position[row, order] < (step + 1)[:, None]
    mixed = _mixed(rows, background, players, own, row, order // 2)
    values = outputs(mixed, np.concatenate([row, np.arange(number)]))
    ends = values[len(row) :]
    way = np.repeat(ends[:, None, None], paths.lengths.shape[1], axis=1).repeat(len(players) + 1, axis=2)
    way[:, :, 0] = np.repeat(starts, 2, axis=1)
    way[row, order, step + 1] = values[: len(row)]
    changes = np.diff(_steady(way), axis=2)
    shares = np.where(paths.moves, np.take_along_axis(changes, paths.position, axis=2), 0.0)
    pairs = shares.reshape(number, -1, 2, len(players)).mean(axis=2)
    return Shares(ends, starts.mean(axis=1), pairs.mean(axis=1), pairs)


def calls(rows: int, players: int, orders: int) -> int:
    """How many rows the model scores at most to explain so many."""
    return rows * (orders * (players - 1) + 1)


def _orders(names: Sequence[str], pairs: int, players: int) -> Integers:
    """Orders of the players for each row and pair, shape (rows, 2 x pairs, players), each second one backwards.

    Philox's raw numbers are the same in every version of NumPy, which its permutations need not be.
    """
    forth = np.empty((len(names), pairs, players), np.int64)
    for place, name in enumerate(names):
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
        raw = np.random.Philox(key=key).random_raw(pairs * players)
        forth[place] = np.argsort(raw.reshape(pairs, players), axis=1, kind="stable")
    both = np.stack([forth, forth[:, :, ::-1]], axis=2)
    return both.reshape(len(names), 2 * pairs, players)


def _differing(
    rows: pa.RecordBatch, background: pa.RecordBatch, players: Sequence[Sequence[str]]
) -> Booleans:
    """Whether a row has another value than a background row, of each player: shape (rows, background, players)."""
    differing = np.zeros((rows.num_rows, background.num_rows, len(players)), bool)
    for place, columns in enumerate(players):
        for name in columns:
            column = pa.chunked_array([rows.column(name), background.column(name)])
            codes = column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
            differing[:, :, place] |= codes[: rows.num_rows, None] != codes[None, rows.num_rows :]
    return differing


def _paths(differing: Booleans, orders: Integers) -> _Paths:
    moves = np.repeat(differing, 2, axis=1)
    in_order = np.take_along_axis(moves, orders, axis=2)
    taken = np.cumsum(in_order, axis=2, dtype=np.int64)
    position = np.empty_like(orders)
    np.put_along_axis(position, orders, np.maximum(taken - 1, 0), axis=2)
    return _Paths(position, moves, taken[:, :, -1])


def _mixed(
    rows: pa.RecordBatch,
    background: pa.RecordBatch,
    players: Sequence[Sequence[str]],
    own: Booleans,
    row: Integers,
    start: Integers,
) -> pa.RecordBatch:
    """The rows between background and rows, and the rows themselves behind them."""
    player_of = {name: place for place, columns in enumerate(players) for name in columns}
    itself = np.arange(rows.num_rows)
    columns = []
    for name in rows.schema.names:
        place = np.where(own[:, player_of[name]], row, rows.num_rows + start)
        both = pa.chunked_array([rows.column(name), background.column(name)]).combine_chunks()
        columns.append(both.take(pa.array(np.concatenate([place, itself]))))
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _steady(way: Floats) -> Floats:
    """The outputs along each walk, where what is the same as before is the same to the last bit."""
    steady = way.copy()
    for step in range(1, way.shape[2]):
        before = steady[:, :, step - 1]
        same = np.abs(way[:, :, step] - before) <= SAME * np.maximum(1.0, np.abs(before))
        steady[:, :, step] = np.where(same, before, way[:, :, step])
    return steady
