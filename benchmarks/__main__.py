"""How fast and how flat: floor, stages, one process and pandas, alternating in one run.

`make bench` prints medians and ratios and writes benchmarks/latest.json. benchmarks/README.md says how to read them.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

MODES = ("floor", "stages", "process", "pandas")
# What the floor does too; the rest of a night costs the same whatever its size.
COUNTED = {"stages": ("extract", "predict", "write")}
ROOT = Path(__file__).resolve().parents[1]
LATEST = Path(__file__).with_name("latest.json")


def main() -> None:
    """Measure, print, and write latest.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    _run("benchmarks.ground", str(asked.rows // 10))
    small = _measure("stages")["peak_mb"]
    _run("benchmarks.ground", str(asked.rows))
    found: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for number in range(asked.rounds):
        for mode in MODES:
            print(f"round {number + 1} of {asked.rounds}: {mode}", file=sys.stderr, flush=True)
            found[mode].append(_measure(mode))
    figures = summary(asked.rows, found, small)
    LATEST.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def summary(rows: int, found: dict[str, list[dict[str, Any]]], small_peak_mb: float) -> dict[str, Any]:
    """Medians, ratios to the floor, and peaks of repeated measurements."""
    seconds = {
        mode: {lap: median(run["seconds"][lap] for run in runs) for lap in runs[0]["seconds"]}
        for mode, runs in found.items()
    }
    total = {
        mode: median(sum(run["seconds"][lap] for lap in COUNTED.get(mode, seconds[mode])) for run in runs)
        for mode, runs in found.items()
    }
    whole = sum(seconds["stages"].values())
    peaks = {mode: median(run["peak_mb"] for run in runs) for mode, runs in found.items()}
    return {
        "rows": rows,
        "floor_s": round(total["floor"], 2),
        "stages_over_floor": round(total["stages"] / total["floor"], 2),
        "process_over_floor": round(total["process"] / total["floor"], 2),
        "pandas_over_stages": round(total["pandas"] / whole, 2),
        "peak_mb": peaks,
        "peak_10x_over_1x": round(peaks["stages"] / small_peak_mb, 2),
        "seconds": {
            mode: {lap: round(value, 2) for lap, value in laps.items()} for mode, laps in seconds.items()
        },
    }


def _measure(mode: str) -> dict[str, Any]:
    measured: dict[str, Any] = json.loads(_run("benchmarks.modes", mode))
    return measured


def _run(*module: str) -> str:
    # Also the making of the table: Linux counts the parent's memory at the start into a child's peak.
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    main()
