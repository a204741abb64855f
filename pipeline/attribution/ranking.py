"""The reasons of a row: its largest contributions, and whether their order is certain."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from pipeline.attribution import players as of_players
from pipeline.attribution.explainer import Block
from pipeline.attribution.players import Player
from pipeline.attribution.walk import Floats, Shares
from pipeline.contract.contract import ENTITY

REASONS = pa.schema(
    {
        "entity_id": pa.string(),
        "rank": pa.int32(),
        "column_name": pa.string(),
        "value": pa.string(),
        "contribution": pa.float64(),
        "error": pa.float64(),
        "is_certain": pa.bool_(),
        "base": pa.float64(),
        "others": pa.float64(),
    }
)

# A rank is called certain where chance would have given another order in fewer than one of twenty cases.
_CERTAIN = 0.95


def reasons(block: Block, players: Sequence[Player], top: int, *, keep_values: bool = True) -> pa.RecordBatch:
    """The largest contributions of each row, in the order of their size: rows of schema `REASONS`.

    A column that moved a score by nothing is no reason, so a row may have fewer than `top`, or none.

    Args:
        block: rows, explained.
        players: what their shares are of.
        top: reasons of a row at most.
        keep_values: whether the columns' values are shown.
    """
    shares = block.shares
    order = np.argsort(-np.abs(shares.values), axis=1, kind="stable")
    first, certain = order[:, :top], _certain(shares, order)[:, :top]
    contributions = np.take_along_axis(shares.values, first, axis=1)
    others = shares.outputs - shares.base - contributions.sum(axis=1)
    row, rank = np.nonzero(contributions)
    player = first[row, rank]
    return pa.RecordBatch.from_arrays(
        [
            block.rows.column(ENTITY).take(pa.array(row)),
            pa.array(rank + 1, pa.int32()),
            pa.array([each.name for each in players], pa.string()).take(pa.array(player)),
            _values(block.rows, players, row, player) if keep_values else pa.nulls(len(row), pa.string()),
            pa.array(contributions[row, rank]),
            pa.array(shares.errors[row, player]),
            pa.array(certain[row, rank]),
            pa.array(shares.base[row]),
            pa.array(others[row]),
        ],
        schema=REASONS,
    )


def _values(
    rows: pa.RecordBatch, players: Sequence[Player], row: npt.NDArray[np.int64], player: npt.NDArray[np.int64]
) -> pa.Array:
    texts = pa.nulls(len(row), pa.string()).to_pylist()
    for place, each in enumerate(players):
        where = np.flatnonzero(player == place)
        if len(where):
            chosen = rows.take(pa.array(row[where]))
            for target, text in zip(where, of_players.values(each, chosen).to_pylist(), strict=True):
                texts[target] = text
    return pa.array(texts, pa.string())


def _certain(shares: Shares, order: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each rank's contribution is larger than the next one's, and smaller than that before, beyond chance."""
    signs = np.sign(np.take_along_axis(shares.values, order, axis=1))
    sizes: Floats = np.take_along_axis(shares.pairs, order[:, None, :], axis=2) * signs[:, None, :]
    differences = sizes[:, :, :-1] - sizes[:, :, 1:]
    pairs = differences.shape[1]
    error = differences.std(axis=1, ddof=1) / np.sqrt(pairs)
    apart = differences.mean(axis=1) > stats.t.ppf(_CERTAIN, pairs - 1) * error
    edge = np.ones((len(order), 1), bool)
    certain: npt.NDArray[np.bool_] = np.hstack([edge, apart]) & np.hstack([apart, edge])
    return certain
