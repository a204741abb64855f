"""pipeline/serving/requests/body.py: JSON as its standard has it; refusals over HTTP are in test_app.py."""

from time import process_time
from typing import Any

import pytest

from pipeline.serving.inference import table
from pipeline.serving.requests import days
from pipeline.serving.requests.body import Number, parse
from pipeline.serving.requests.limits import Limits, Refused


def test_numbers_stay_as_they_are_written() -> None:
    digits = "9" * 10_000
    document = parse(f'[1.50, -0, 1e400, {digits}, "1.50", true, null]'.encode())
    assert document == ["1.50", "-0", "1e400", digits, "1.50", True, None]
    assert [isinstance(each, Number) for each in document] == [True] * 4 + [False] * 3


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_python_takes_for_a_number_is_none(word: str) -> None:
    with pytest.raises(Refused, match=f"{word} is no number of JSON; a missing value is null"):
        parse(f'{{"rows": [{word}]}}'.encode())


def test_a_name_in_a_message_is_cut_and_has_no_control_character() -> None:
    name = "\\u001b[31m" + "x" * 1000
    with pytest.raises(Refused) as refused:
        parse(f'{{"{name}": 1, "{name}": 2}}'.encode())
    assert len(str(refused.value)) < 250
    assert "\x1b" not in str(refused.value)


def test_a_key_that_comes_twice_among_many_is_named_at_once() -> None:
    keys = "".join(f'"k{number}":1,' for number in range(100_000))
    began = process_time()
    with pytest.raises(Refused, match="the key 'k99999' twice"):
        parse(f'{{{keys}"k99999":2}}'.encode())
    # Where each were compared with all before it, it would take minutes.
    assert process_time() - began < 30


def test_what_is_nested_as_deeply_as_a_parser_takes_is_refused_in_words() -> None:
    nested: list[Any] = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(Refused, match="score_date = 'list' is no date"):
        days.of(nested)
    tensor = {"name": "x", "datatype": "FP64", "shape": [nested], "data": [1]}
    with pytest.raises(Refused, match=r"its shape is to be \[1\]"):
        table({"inputs": [tensor]}, Limits())
