"""Rows are compared value by value: at their entities, else wherever a value comes."""

from datetime import date

import pandas as pd
import pyarrow as pa

from pipeline.training.comparison import Comparison

DAY = date(2024, 3, 1)
ROWS = pd.DataFrame({"rate": [0.1, 0.2, 0.3], "kind": ["a", "b", None]})


def test_values_are_compared_at_their_entities() -> None:
    comparison = Comparison(DAY, ROWS, pa.array(["x", "y", "z"]))
    comparison.add(ROWS.iloc[[1, 0]].assign(rate=[0.2, 0.9]), pa.array(["y", "x"]))
    assert comparison.present.tolist() == [True, True, False]
    assert comparison.differs("rate").tolist() == [True, False, False]
    assert not comparison.differs("kind").any()
    assert not comparison.done
    comparison.add(ROWS.iloc[[2]], pa.array(["z"]))
    assert comparison.done


def test_without_entities_a_value_is_the_same_where_any_row_has_it() -> None:
    comparison = Comparison(DAY, ROWS, None)
    comparison.add(ROWS.assign(rate=[0.3, 0.2, 0.7]), pa.array(["p", "q", "r"]))
    assert comparison.differs("rate").tolist() == [True, False, False]
    assert comparison.present.tolist() == [False, True, False]


def test_the_last_bits_of_a_float_are_not_compared() -> None:
    comparison = Comparison(DAY, ROWS, pa.array(["x", "y", "z"]))
    comparison.add(ROWS.assign(rate=ROWS["rate"] * (1 + 2**-50)), pa.array(["x", "y", "z"]))
    assert not comparison.differs("rate").any()
