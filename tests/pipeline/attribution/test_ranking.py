"""The largest contributions are the reasons, and an order that chance may have made is not called certain."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.attribution import ranking
from pipeline.attribution.explainer import Block
from pipeline.attribution.players import Player
from pipeline.attribution.walk import Shares

PLAYERS = [Player(name, (name,)) for name in ("carrier", "seats", "temp")]
ROWS = pa.RecordBatch.from_pylist(
    [
        {"entity_id": "a", "carrier": "UA", "seats": 3, "temp": None},
        {"entity_id": "b", "carrier": "B6", "seats": 4, "temp": 2.5},
    ],
    pa.schema({"entity_id": pa.string(), "carrier": pa.string(), "seats": pa.int64(), "temp": pa.float64()}),
)


def block(pairs: npt.ArrayLike) -> Block:
    """Rows with these shares of each pair, over a base of 1."""
    by_pair = np.array(pairs, np.float64)
    values = by_pair.mean(axis=1)
    outputs = 1 + values.sum(axis=1)
    return Block(ROWS, outputs, Shares(outputs, np.ones(2), values, by_pair), 0.0)


def test_they_come_in_the_order_of_their_size_with_what_is_left() -> None:
    steady = block([[[1.0, -3.0, 0.5]] * 4, [[0.0, 0.0, 2.0]] * 4])
    rows = ranking.reasons(steady, PLAYERS, 2)
    assert rows.schema == ranking.REASONS
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        ("a", 1, "seats", "3", -3.0, 0.0, True, 1.0, 0.5),
        ("a", 2, "carrier", "UA", 1.0, 0.0, True, 1.0, 0.5),
        ("b", 1, "temp", "2.5", 2.0, 0.0, True, 1.0, 0.0),
    ]


def test_values_are_left_out_where_a_job_keeps_none() -> None:
    rows = ranking.reasons(block([[[1.0, -3.0, 0.5]] * 4] * 2), PLAYERS, 3, keep_values=False)
    assert rows.column("value").null_count == 6
    assert rows.column("contribution").to_pylist()[:3] == [-3.0, 1.0, 0.5]


def test_a_rank_that_another_background_would_change_is_not_certain() -> None:
    wavering = [[5, 1, 0.9], [5, 0.8, 1.1], [5, 1.1, 0.7], [5, 0.9, 1.0]]
    rows = ranking.reasons(block(np.array([wavering, wavering])), PLAYERS, 3)
    assert rows.column("is_certain").to_pylist()[:3] == [True, False, False]
    assert (rows.column("error").to_numpy()[1:3] > 0.04).all()
