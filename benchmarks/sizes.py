"""What a night costs by its size: `make bench-sizes ROWS="1000000 5000000 20000000"`.

Each size is the sample's night repeated to so many rows, scored by one process into an empty table, alone in its month.
A line of the table of docs/design/sizes.md is printed for each: seconds and memory of that process, megabytes of the
parts in the store and of the table of scores with its indexes, and milliseconds of an analyst's look-up of one entity.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from benchmarks.ground import HOME, NIGHT, ROOT, Ground, join
from pipeline.databases import postgres

_LOOK_UPS = 300
# What a row of the warehouse's table, its part and its scores take together while a size is measured.
_BYTES_A_ROW = 1200
_ENTITIES = "SELECT entity_id FROM scoring.predictions WHERE job = 'bench' AND score_date = :night LIMIT 3000"
_LOOK_UP = """
SELECT count(*) FROM scoring.predictions WHERE job = 'bench' AND score_date = :night AND entity_id = :entity
"""
_TABLE = """
SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
WHERE inhparent = CAST('scoring.prediction_rows' AS regclass)
"""


@dataclass(frozen=True)
class Size:
    """What a night of so many rows took.

    Attributes:
        rows: of the night.
        seconds: from its first row to its publication, in one process.
        peak_mb: the most memory of that process.
        store_mb: its parts.
        table_mb: its scores, with their indexes.
        look_up_ms: median of an analyst's look-ups of one entity, and that within which 99 % lie.
    """

    rows: int
    seconds: float
    peak_mb: float
    store_mb: float
    table_mb: float
    look_up_ms: tuple[float, float]

    @property
    def line(self) -> str:
        """The size as a line of the table."""
        usual, most = self.look_up_ms
        return (
            f"| {self.rows:,} | {self.seconds:.1f} | {self.rows / self.seconds:,.0f} | {self.peak_mb:,.0f} | "
            f"{self.store_mb:,.0f} | {self.table_mb:,.0f} | {usual:.1f}, {most:.1f} |"
        )


def main() -> None:
    """Measure each size, and print its line as soon as it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000], help="of each night")
    asked = parser.parse_args()
    need, free = max(asked.rows) * _BYTES_A_ROW, shutil.disk_usage(ROOT).free
    if free < need:
        sys.exit(
            f"{max(asked.rows):,} rows want some {need / 1e9:.0f} GB of disk, and {free / 1e9:.0f} are free"
        )
    print(
        "| rows | seconds | rows a second | MB | MB of parts | MB of scores | ms of a look-up, 99 % within |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for rows in sorted(asked.rows):
        print(_size(rows).line, flush=True)


def _size(rows: int) -> Size:
    _python("benchmarks.ground", str(rows))
    measured: dict[str, Any] = json.loads(_python("benchmarks.modes", "process"))
    ground = join()
    with postgres.engine(ground.server.uri("predictions")).connect() as session:
        table = session.execute(sa.text(_TABLE)).scalar_one()
    store = sum(path.stat().st_size for path in Path(HOME / "store").rglob("*") if path.is_file())
    return Size(
        rows,
        measured["seconds"]["score"],
        measured["peak_mb"],
        store / 1e6,
        float(table) / 1e6,
        _look_ups(ground),
    )


def _look_ups(ground: Ground) -> tuple[float, float]:
    """Milliseconds of an analyst's look-ups: the median, and that within which 99 % lie."""
    milliseconds = []
    with postgres.engine(ground.server.connections["analyst"]).connect() as session:
        entities = session.execute(sa.text(_ENTITIES), {"night": NIGHT}).scalars().all()
        for number in range(_LOOK_UPS):
            values = {"night": NIGHT, "entity": entities[number * 7 % len(entities)]}
            began = perf_counter()
            if session.execute(sa.text(_LOOK_UP), values).scalar_one() != 1:
                sys.exit(f"{values['entity']} has not one score")
            milliseconds.append(1e3 * (perf_counter() - began))
    return median(milliseconds), sorted(milliseconds)[int(0.99 * len(milliseconds))]


def _python(*module: str) -> str:
    # A process of its own: Linux counts the parent's memory at the start into a child's peak.
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    main()
