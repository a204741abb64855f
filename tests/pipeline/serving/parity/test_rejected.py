"""pipeline/serving/parity/rejected.py: rows of an entity stay together. What is read again: test_replay.py."""

from pipeline.serving.parity import rejected


def test_rows_of_an_entity_are_asked_together_whatever_comes_between() -> None:
    read = [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("d", "5")]
    assert list(rejected.groups(read, 3)) == [["1", "4", "2"], ["3", "5"]]
    assert list(rejected.groups(read, 1)) == [["1", "4"], ["2"], ["3"], ["5"]]
    assert list(rejected.groups([], 3)) == []
