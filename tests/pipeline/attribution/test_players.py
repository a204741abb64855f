"""Columns move alone, or with their group."""

import pyarrow as pa
import pytest

from pipeline.attribution import players
from pipeline.attribution.players import GroupError, Player

COLUMNS = ["carrier", "temp", "seats", "wind"]


def test_a_group_stands_where_its_first_column_does() -> None:
    assert players.of_model(COLUMNS, {"weather": ["wind", "temp"]}, "flights version 1") == (
        Player("carrier", ("carrier",)),
        Player("weather", ("temp", "wind")),
        Player("seats", ("seats",)),
    )


def test_a_group_of_a_column_that_is_not_there_is_refused() -> None:
    message = (
        "reasons.groups: weather names column 'rain', which model flights version 1 does not take. "
        "Name some of: carrier, temp, seats, wind."
    )
    with pytest.raises(GroupError) as refused:
        players.of_model(COLUMNS, {"weather": ["rain", "temp"]}, "flights version 1")
    assert str(refused.value) == message


def test_a_group_with_the_name_of_another_column_is_refused() -> None:
    with pytest.raises(GroupError, match="seats has the name of a column of model m that is not in it"):
        players.of_model(COLUMNS, {"seats": ["wind", "temp"]}, "m")


def test_values_are_text_and_a_group_names_its_columns() -> None:
    rows = pa.RecordBatch.from_pylist([{"temp": 3.5, "wind": None, "carrier": "U" * 300}])
    assert players.values(Player("temp", ("temp",)), rows).to_pylist() == ["3.5"]
    assert players.values(Player("weather", ("temp", "wind")), rows).to_pylist() == ["temp=3.5, wind="]
    assert players.values(Player("carrier", ("carrier",)), rows).to_pylist() == ["U" * 200]


def test_a_value_that_no_text_of_postgres_holds_is_written_as_an_escape() -> None:
    rows = pa.RecordBatch.from_pylist([{"carrier": "U\0A\n'\"", "origin": "J\0"}])
    assert players.values(Player("carrier", ("carrier",)), rows).to_pylist() == ["U\\x00A\n'\""]
    both = players.values(Player("both", ("carrier", "origin")), rows)
    assert both.to_pylist() == ["carrier=U\\x00A\n'\", origin=J\\x00"]
