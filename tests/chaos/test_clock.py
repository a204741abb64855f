"""Clocks that are wrong, jump or change: the score date comes from the run, and each row is scored once."""

import ast
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import dates
from tests.home import Home
from tests.pipeline.shop import open_shop

ROOT = Path(__file__).resolve().parents[2]

# What reads a clock that somebody may set. `perf_counter`, which measures, only ever goes on.
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}


# Beside a night's way: the command line names its runs, a model has a birthday, what is old is deleted, no date is
# meant that lies a year ahead, a stage's cost says when it began, and a broken file has no night but that of the look.
ELSEWHERE = {"__main__", "register", "attic", "broken", "dates", "janitor", "reproduce", "stage", "trace"}
WAY = [path for path in (ROOT / "pipeline").glob("*.py") if path.stem not in ELSEWHERE]
DAGS = [*sorted((ROOT / "dags").glob("*.py")), ROOT / "orchestration" / "context.py"]


def clocks(path: Path) -> set[str]:
    """Calls in a file that read a clock."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    read = {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS}
    return read - {"datetime.min.time", "datetime.max.time"}


@pytest.mark.parametrize(
    "path",
    [*sorted(WAY), *sorted((ROOT / "dags").glob("*.py")), ROOT / "orchestration" / "context.py"],
    ids=lambda path: path.name,
)
def test_nothing_on_a_nights_way_reads_the_clock(path: Path) -> None:
    assert clocks(path) == set()


def test_the_look_for_clocks_finds_one(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text("from datetime import date\nfrom time import time\nday = date.today()\n")
    assert clocks(path) == {"date.today"}


# Local days of 23 and of 25 hours, and those around them, in a zone that has them
CHANGES = {"spring": date(2024, 3, 10), "autumn": date(2024, 11, 3)}


@pytest.mark.parametrize("season", CHANGES)
def test_every_hour_of_the_nights_around_a_change_of_the_clocks_is_scored_once(
    home: Home, season: str
) -> None:
    first = CHANGES[season] - timedelta(days=1)
    # One row an hour of real time, from before the three days until after them.
    hours = pd.date_range(datetime(first.year, first.month, first.day, tzinfo=UTC), periods=96, freq="h")
    rows = pd.DataFrame(
        {
            "entity_id": [f"{hour:%Y-%m-%dT%H}" for hour in hours],
            "at": hours,
            "amount": 50.0,
            "visits": np.arange(96) % 20,  # as in training: beyond it all scores are the same, which is held
            "channel": "web",
            "member": True,
        }
    )
    shop = open_shop(home, rows)
    shop.query("SELECT * FROM {table} WHERE at >= :interval_start AND at < :interval_end")
    for number in range(3):
        home.score(shop.job, first + timedelta(days=number))
    seen = shop.predictions()
    zone = home.read(shop.job).zone
    begin, end = dates.interval(first, zone)[0], dates.interval(first + timedelta(days=2), zone)[1]
    expected = rows[(rows["at"] >= begin) & (rows["at"] < end)]["entity_id"]
    assert sorted(seen["entity_id"]) == sorted(expected)
    changed = seen[seen["score_date"] == CHANGES[season]]
    assert len(changed) == {"spring": 23, "autumn": 25}[season]
