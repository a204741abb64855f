"""pipeline/reports/sections/online.py: distances of the run and online side by side; a page: test_profiles.py."""

from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.references import Reference
from pipeline.reports.queries import Online, Record
from pipeline.reports.sections import online

BINS = {"a": Bins("a", "edges", edges=(1.0,)), "b": Bins("b", "edges", edges=(1.0,))}
REFERENCE = Reference(BINS, (), {name: np.array([[50, 50, 0]]) for name in BINS})


def record(profiles: Any, asked: Online) -> Record:
    nothing: dict[str, Any] = dict.fromkeys(Record.__dataclass_fields__)
    return Record(**{**nothing, "profiles": profiles, "online": asked})


def test_the_farthest_come_first_and_what_cannot_be_compared_is_unknown() -> None:
    labels = BINS["a"].labels
    night = {name: dict(zip(labels, (50, 50, 0), strict=True)) for name in BINS}
    asked: dict[str, dict[str, int]] = {
        "a": dict(zip(labels, (5, 5, 0), strict=True)),
        "b": dict(zip(labels, (9, 1, 0), strict=True)),
        "": {"x": 10},
    }
    seen = online.section(
        record(night, Online(asked, [{"column_name": "a", "rule": "null", "rows": 1}])), REFERENCE
    )
    assert seen is not None
    assert (seen.scored, len(seen.rejected)) == (10, 1)
    assert [line.name for line in seen.lines] == ["score", "b", "a"]
    assert seen.lines[0].online is None
    assert seen.lines[1].night == 0
    assert (seen.lines[1].online or 0) > (seen.lines[2].online or 0)
    none = online.section(record(night, Online(asked)), None)
    assert none is not None
    assert {line.online for line in none.lines} == {None}


def test_where_nothing_was_asked_there_is_no_section() -> None:
    assert online.section(record({}, Online()), REFERENCE) is None
    assert replace(record({}, Online())).online == Online()
