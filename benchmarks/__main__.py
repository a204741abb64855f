"""How fast, how flat and how steady: floor, stages, stages on a busy machine, one process and pandas, in turn.

`make bench` prints medians and ratios and writes benchmarks/latest.json. benchmarks/README.md says how to read them.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import joblib

MODES = ("floor", "stages", "busy", "process", "pandas")
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
    measured: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for number in range(asked.rounds):
        for mode in MODES:
            print(f"round {number + 1} of {asked.rounds}: {mode}", file=sys.stderr, flush=True)
            with _cores_kept_busy() if mode == "busy" else nullcontext():
                measured[mode].append(_measure("stages" if mode == "busy" else mode))
    figures = summary(asked.rows, measured, small)
    figures["predictor"] = _run("benchmarks.compiled", "which").strip()
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
        "busy_over_quiet_predict": round(seconds["busy"]["predict"] / seconds["stages"]["predict"], 2),
        "busy_over_quiet": round(sum(seconds["busy"].values()) / whole, 2),
        "peak_mb": peaks,
        "peak_10x_over_1x": round(peaks["stages"] / small_peak_mb, 2),
        "seconds": {
            mode: {lap: round(value, 2) for lap, value in laps.items()} for mode, laps in seconds.items()
        },
    }


def _measure(mode: str) -> dict[str, Any]:
    measured: dict[str, Any] = json.loads(_run("benchmarks.modes", mode))
    return measured


@contextmanager
def _cores_kept_busy() -> Iterator[None]:
    """Keep every core busy by another process, while a measurement goes on."""
    with ExitStack() as running:
        for _ in range(joblib.cpu_count()):
            other = running.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            running.callback(other.kill)
        yield


def _run(*module: str) -> str:
    # Also the making of the table: Linux counts the parent's memory at the start into a child's peak.
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


if __name__ == "__main__":
    main()
