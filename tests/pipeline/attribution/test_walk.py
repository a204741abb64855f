"""Walks recover planted models, agree with enumeration, and add up to the output."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.attribution import walk
from pipeline.attribution.walk import Shares
from tests.pipeline.attribution.planted import Floats, Function, batch, exact, names, outputs

CHANCE = np.random.default_rng(20)
ROWS, BACKGROUND = CHANCE.normal(size=(40, 10)), CHANCE.normal(size=(16, 10))
ORDER_OF_A = [2, 0, 1, 4, 3]
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0, 0.0, 0.25, -1.0, 0.0, 4.0, -0.125])


def linear(values: Floats) -> Floats:
    """A sum of weighted columns, two of which it ignores."""
    total: Floats = (values * WEIGHTS).sum(axis=1)
    return total


def tangled(values: Floats) -> Floats:
    """Columns that work on one another, in pairs and in threes, and with steps."""
    total: Floats = (
        linear(values)
        + 2 * values[:, 0] * values[:, 1]
        + np.where(values[:, 2] > 0, values[:, 3] * values[:, 5], 0.0)
        + np.maximum(values[:, 6], values[:, 8])
    )
    return total


def explained(function: Function, rows: Floats = ROWS, background: Floats = BACKGROUND) -> Shares:
    """Rows, explained."""
    starts = np.repeat(function(background)[None], len(rows), axis=0)
    players = [(name,) for name in names(rows.shape[1])]
    entities = [f"row {place}" for place in range(len(rows))]
    return walk.explain(batch(rows), batch(background), players, entities, starts, outputs(function))


def test_a_linear_model_gets_its_weights_times_the_distance_from_the_background() -> None:
    shares = explained(linear)
    np.testing.assert_allclose(shares.values, WEIGHTS * (ROWS - BACKGROUND.mean(axis=0)), atol=1e-12)


def test_an_interaction_of_two_columns_is_shared_evenly() -> None:
    shares = explained(lambda values: values[:, 0] * values[:, 1], ROWS, np.zeros((2, 10)))
    half = ROWS[:, 0] * ROWS[:, 1] / 2
    np.testing.assert_allclose(shares.values[:, :2], np.column_stack([half, half]), atol=1e-12)


@pytest.mark.parametrize("function", [linear, tangled])
def test_a_column_that_the_model_ignores_gets_exactly_nothing(function: Function) -> None:
    shares = explained(function)
    assert (shares.values[:, [4, 7]] == 0).all()
    assert (shares.errors[:, [4, 7]] == 0).all()


def test_what_differs_by_the_place_in_a_batch_alone_is_no_share() -> None:
    def noisy(values: Floats) -> Floats:
        return linear(values) + 1e-12 * CHANCE.random(len(values))

    assert (explained(noisy).values[:, [4, 7]] == 0).all()


@pytest.mark.parametrize("function", [linear, tangled])
def test_base_and_shares_add_up_to_the_output(function: Function) -> None:
    shares = explained(function)
    np.testing.assert_allclose(shares.outputs, function(ROWS), atol=1e-12)
    np.testing.assert_allclose(shares.base, function(BACKGROUND).mean(), atol=1e-12)
    assert shares.gaps.max() < 1e-9


def test_shares_agree_with_enumeration_over_their_own_background() -> None:
    shares = explained(tangled)
    true = np.array([exact(tangled, row, BACKGROUND) for row in ROWS[:3]])
    missed = np.abs(shares.values[:3] - true)
    assert missed.mean() < 0.05 * np.abs(true).mean()
    assert (missed <= 2 * shares.errors[:3] + 1e-9).mean() > 0.95


def test_shares_agree_with_enumeration_over_all_of_training_within_the_stated_error() -> None:
    training = CHANCE.normal(size=(100, 10))
    true = np.array([exact(tangled, row, training) for row in ROWS[:3]])
    missed = []
    for _ in range(10):
        shares = explained(tangled, ROWS[:3], training[CHANCE.choice(100, 16, replace=False)])
        stated = shares.errors
        missed.append((np.abs(shares.values - true)[stated > 0] / stated[stated > 0]) ** 2)
    assert 0.6 < np.sqrt(np.concatenate(missed).mean()) < 1.5


def test_a_column_with_the_background_s_value_takes_no_step_and_no_call() -> None:
    background = np.zeros((4, 10))
    rows = np.zeros((1, 10))
    rows[0, [1, 3]] = 1.0
    asked = []

    def counted(mixed: pa.RecordBatch, row: object) -> Floats:
        asked.append(mixed.num_rows)
        return outputs(linear)(mixed, row)

    players = [(name,) for name in names(10)]
    shares = walk.explain(batch(rows), batch(background), players, ["a"], np.zeros((1, 4)), counted)
    assert asked == [1 * 8 * 1 + 1]  # one step between the ends of each of eight walks, and the row itself
    np.testing.assert_allclose(shares.values[0, [1, 3]], WEIGHTS[[1, 3]])


def test_a_group_moves_at_once() -> None:
    players = [("c0", "c1"), *((name,) for name in names(10)[2:])]
    starts = np.repeat(tangled(BACKGROUND)[None], len(ROWS), axis=0)
    entities = [f"row {place}" for place in range(len(ROWS))]
    shares = walk.explain(batch(ROWS), batch(BACKGROUND), players, entities, starts, outputs(tangled))
    apart = explained(tangled)
    assert shares.values.shape == (40, 9)
    # The group holds the whole interaction of its two columns, so that it works on no other column.
    product = ROWS[:, 0] * ROWS[:, 1] - (BACKGROUND[:, 0] * BACKGROUND[:, 1]).mean()
    singles = (WEIGHTS[:2] * (ROWS[:, :2] - BACKGROUND[:, :2].mean(axis=0))).sum(axis=1)
    np.testing.assert_allclose(shares.values[:, 0], singles + 2 * product, atol=1e-9)
    np.testing.assert_allclose(apart.values[:, :2].sum(axis=1), shares.values[:, 0], atol=1e-9)


def test_nulls_and_texts_are_values_as_others() -> None:
    schema = pa.schema({"carrier": pa.string(), "seats": pa.int64()})
    rows = pa.RecordBatch.from_pylist(
        [{"carrier": None, "seats": 3}, {"carrier": "UA", "seats": None}], schema
    )
    background = pa.RecordBatch.from_pylist([{"carrier": "UA", "seats": None}] * 2, schema)

    def model(mixed: pa.RecordBatch, row: object) -> Floats:
        missing = mixed.column("carrier").is_null().to_numpy(zero_copy_only=False)
        outputs: Floats = np.where(missing, 5.0, 1.0) + mixed.column("seats").fill_null(0).to_numpy()
        return outputs

    shares = walk.explain(rows, background, [("carrier",), ("seats",)], ["a", "b"], np.ones((2, 2)), model)
    assert shares.values.tolist() == [[4.0, 3.0], [0.0, 0.0]]


def test_a_row_s_orders_follow_from_its_name_alone() -> None:
    entities = [f"row {place}" for place in range(len(ROWS))]
    players = [(name,) for name in names(10)]

    def shares(part: slice) -> Floats:
        rows, theirs = ROWS[part], entities[part]
        starts = np.repeat(tangled(BACKGROUND)[None], len(rows), axis=0)
        return walk.explain(batch(rows), batch(BACKGROUND), players, theirs, starts, outputs(tangled)).values

    np.testing.assert_allclose(shares(slice(7, 8))[0], shares(slice(0, 40))[7], atol=1e-12)
    assert (shares(slice(0, 40)) == shares(slice(0, 40))).all()


def test_orders_come_in_pairs_one_backwards() -> None:
    orders = walk._orders(["a", "b"], 3, 5)
    assert orders.shape == (2, 6, 5)
    assert (orders[:, 1::2] == orders[:, ::2, ::-1]).all()
    assert (np.sort(orders, axis=2) == np.arange(5)).all()
    # The same in every version of NumPy: what is kept can be computed anew years later.
    assert orders[0, 0].tolist() == walk._orders(["a"], 1, 5)[0, 0].tolist() == ORDER_OF_A
