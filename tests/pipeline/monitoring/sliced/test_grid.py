"""pipeline/monitoring/sliced/grid.py: counts by value and bin are exact, add up, and are what was stored."""

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.monitoring.bins import Bins
from pipeline.monitoring.profile import PROFILE_SCHEMA, Profile
from pipeline.monitoring.sliced.grid import Grid, coarse

BINS = {
    "amount": Bins("amount", "edges", edges=(10.0, 20.0, 30.0)),
    "visits": Bins("visits", "edges", edges=(1.0, 5.0)),
    "shop": Bins("shop", "values", values=("north", "south")),
    "note": Bins("note", "presence"),
}
GRID = Grid(BINS, {"shop": ("north", "south"), "open": ("false", "true")})


def rows(many: int) -> pd.DataFrame:
    random = np.random.default_rng(many)
    return pd.DataFrame(
        {
            "amount": np.where(random.random(many) < 0.2, np.nan, random.normal(20, 10, many)),
            "visits": random.integers(0, 9, many),
            "shop": random.choice(np.array(["north", "south", "moon", None], object), many),
            "note": random.choice(np.array(["a", None], object), many),
            "open": random.random(many) < 0.5,
        }
    )


def columns(frame: pd.DataFrame) -> dict[str, pa.Array]:
    return {str(name): pa.Array.from_pandas(frame[name]) for name in frame}


def test_each_value_has_the_profile_of_its_own_rows() -> None:
    frame = rows(500)
    counts = GRID.count(columns(frame))
    for name, values in GRID.values.items():
        for place, value in enumerate(values):
            own = frame[frame[name].astype(str).str.lower() == value]
            profile = Profile.of(BINS, {column: columns(own)[column] for column in BINS})
            for column, at in GRID.places.items():
                assert counts[name][place, at].tolist() == profile.counts[column].tolist(), (
                    name,
                    value,
                    column,
                )


def test_rows_of_no_such_value_are_counted_together_behind_them() -> None:
    counts = GRID.count(columns(rows(300)))
    assert {name: int(each[:, GRID.places["note"]].sum()) for name, each in counts.items()} == {
        "shop": 300,
        "open": 300,
    }
    assert counts["shop"][-1].sum() > 0
    assert counts["open"][-1].sum() == 0


def test_parts_add_up_to_the_run_and_are_read_as_they_were_stored() -> None:
    frame = rows(200)
    added = GRID.add(GRID.count(columns(frame[:70])), GRID.count(columns(frame[70:])))
    whole = GRID.count(columns(frame))
    stored = [Profile.of(BINS, {name: columns(frame)[name] for name in BINS}).batch(), GRID.batch(added)]
    again = GRID.read(stored)
    for name, counts in whole.items():
        assert added[name].tolist() == again[name].tolist() == counts.tolist()
    # What reads the profile does not meet the slices; what was stored before there were any has none.
    assert Profile.read(BINS, stored).rows == 200
    old = stored[0].select(PROFILE_SCHEMA.names[:-1])
    assert {name: int(counts.sum()) for name, counts in GRID.read([old]).items()} == {"shop": 0, "open": 0}
    assert Profile.read(BINS, [old]).rows == 200


def test_nothing_is_counted_for_a_job_without_slices() -> None:
    nothing = GRID.of(())
    assert nothing.count({}) == nothing.read(()) == {}
    assert list(GRID.of(["shop", "colour"]).values) == ["shop"]


def test_of_many_categories_the_most_common_keep_a_bin() -> None:
    bins = Bins("dest", "values", values=tuple(f"airport-{number:02d}" for number in range(30)))
    counts = np.array([*range(30), 3, 2])
    assert coarse(bins, counts).values == tuple(f"airport-{number:02d}" for number in range(20, 30))
    assert coarse(BINS["shop"], np.array([5, 5, 0, 0])) == BINS["shop"]
