"""Contributions are summed over entities, by slice, and over parts."""

import numpy as np
import pyarrow as pa

from pipeline.attribution.explainer import Block
from pipeline.attribution.players import Player
from pipeline.attribution.walk import Shares
from pipeline.contract.batch_result import MAX_VALUE_LENGTH
from pipeline.reasons import sums
from pipeline.reasons.sums import MOST_VALUES, SUMS, Sum, Sums

PLAYERS = [Player("carrier", ("carrier",)), Player("temp", ("temp",))]


def block(carriers: list[str | None], values: list[list[float]]) -> Block:
    """Rows with these contributions."""
    rows = pa.RecordBatch.from_pydict(
        {"entity_id": [str(place) for place in range(len(carriers))], "carrier": carriers}
    )
    shares = np.array(values)
    return Block(
        rows,
        np.zeros(len(rows)),
        Shares(shares.sum(axis=1), np.zeros(len(rows)), shares, shares[:, None]),
        0.0,
    )


def test_they_are_summed_in_all_and_by_slice_over_all_parts() -> None:
    first, second = Sums(PLAYERS, ["carrier"]), Sums(PLAYERS, ["carrier"])
    first.add(block(["UA", None], [[1.0, -2.0], [3.0, 0.5]]))
    first.training(np.array([0.25, 0.75]))
    second.add(block(["UA", "U\0", "U\0", None], [[-5.0, 1.0], *[[0.0, 0.0]] * 3]))
    assert first.batch().schema == SUMS
    together = sums.merged([first.batch(), second.batch()])
    assert together["carrier", "", ""] == Sum(6, -1.0, 9.0, 0.25)
    assert together["temp", "", ""] == Sum(6, -0.5, 3.5, 0.75)
    assert together["carrier", "carrier", "UA"] == Sum(2, -4.0, 6.0, None)
    assert together["temp", "carrier", ""] == Sum(2, 0.5, 0.5, None)
    assert together["temp", "carrier", "U\\x00"].entities == 2  # as Postgres can keep it


def test_no_sum_and_no_difference_of_sums_is_one_entity_s_own() -> None:
    def kept(*carriers: str) -> set[str]:
        made = Sums(PLAYERS, ["carrier"])
        made.add(block(list(carriers), [[1.0, 1.0]] * len(carriers)))
        return {value for _, name, value in sums.merged([made.batch()]) if name}

    assert kept("UA", "UA", "AA") == set()
    assert kept("UA", "UA", "UA", "B6", "B6", "AA") == {"UA"}  # all but UA, B6 would be AA
    assert kept("UA", "UA", "UA", "B6", "B6", "AA", "DL") == {"UA", "B6"}
    single = Sums(PLAYERS)
    single.add(block(["UA"], [[1.0, 1.0]]))
    assert sums.merged([single.batch()]) == {}


def test_a_long_value_of_a_slice_is_cut_as_the_values_of_reasons_are() -> None:
    made = Sums(PLAYERS, ["carrier"])
    made.add(block(["é" * 9000, "é" * 9000, "UA", "UA"], [[1.0, 1.0]] * 4))
    assert {value for _, _, value in sums.merged([made.batch()])} == {"", "UA", "é" * MAX_VALUE_LENGTH}


def test_a_slice_with_too_many_values_is_left_out() -> None:
    many = Sums(PLAYERS, ["carrier"])
    many.add(block([str(place) for place in range(MOST_VALUES + 1)], [[1.0, 1.0]] * (MOST_VALUES + 1)))
    assert set(sums.merged([many.batch()])) == {("carrier", "", ""), ("temp", "", "")}


def test_training_without_entities_is_no_sum() -> None:
    none = Sums(PLAYERS)
    none.training(np.array([0.25, 0.75]))
    assert sums.merged([none.batch()]) == {}
    assert sums.merged([Sums(PLAYERS).batch()]) == {}
