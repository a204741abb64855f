"""How long Airflow's DAG processor takes to read the DAG files beside many job files: `python -m benchmarks.parse`.

Seconds count what comes again at every parse: the reading of the file, not the import of Airflow itself.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.ground import ROOT

_FILES = ("scoring.py", "outcomes.py")
_PROGRAM = """
import importlib.util, sys
from time import perf_counter
import airflow.sdk
started = perf_counter()
spec = importlib.util.spec_from_file_location("read", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(perf_counter() - started, sum(isinstance(found, airflow.sdk.DAG) for found in vars(module).values()))
"""


def main() -> None:
    """Measure five times, each in a new process, and print the median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in (*_FILES, "flight_delay.toml"):
            shutil.copy(ROOT / "dags" / name, folder)
        sample = Path(folder) / "flight_delay.toml"
        for number in range(1, asked.jobs):
            shutil.copy(sample, sample.with_name(f"flight_delay_{number}.toml"))
        for name in _FILES:
            timings = [_parse(Path(folder) / name) for _ in range(5)]
            dags = {count for _, count in timings}
            print(f"{name}: {dags.pop()} DAGs in {median(seconds for seconds, _ in timings):.2f} s")


def _parse(path: Path) -> tuple[float, int]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(path.parent / "airflow")}
    command = [sys.executable, "-c", _PROGRAM, str(path)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ)
    seconds, dags = ended.stdout.splitlines()[-1].split()
    return float(seconds), int(dags)


if __name__ == "__main__":
    main()
