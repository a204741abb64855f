"""A forest of 500 MB, registered, fetched, loaded and scored: `python -m benchmarks.artefacts [--megabytes N] [--s3]`.

Each step is in a process of its own, so that its largest memory is its own. The artefact store is a folder on the same
disk, or with `--s3` a server on this machine that speaks S3 (moto, in Python: its speed is no bucket's).
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

ROWS, COLUMNS, SCORED = 50_000, 8, 100_000
# What a tree of that many rows has on disk.
_MEGABYTES_A_TREE = 7.2


@dataclass(frozen=True)
class Step:
    """What was done, the seconds that it took in a process of its own, and that process' largest memory in MB."""

    name: str
    seconds: float
    peak_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--s3", action="store_true")
    arguments = parser.parse_args()
    print(f"store: {'a server that speaks S3' if arguments.s3 else 'a folder'}")
    for step in measure(arguments.megabytes, arguments.s3):
        print(f"{step.name:50}{step.seconds:8.1f} s{step.peak_mb:9,.0f} MB at most", flush=True)


def measure(megabytes: int, s3: bool = False) -> Iterator[Step]:
    """Register a forest of so many megabytes, and use it, step by step."""
    before = dict(os.environ)
    try:
        with tempfile.TemporaryDirectory(prefix="artefacts-") as folder, _store(folder, s3) as store:
            home = Path(folder) / "home"
            for name in ("dags", "sql", "models"):
                (home / name).mkdir(parents=True)
            os.environ |= {"SCORING_HOME": str(home), "SCORING_ARTEFACTS": store}
            size = _apart(_train, folder, megabytes)[0]
            for name, step in _STEPS.items():
                yield Step(name.format(megabytes=size / 1e6), *_apart(step, folder)[1:])
            _require_one_copy(home)
    finally:
        os.environ.clear()
        os.environ |= before


def _require_one_copy(home: Path) -> None:
    """The machine has one read-only copy, and git next to nothing."""
    in_git = sum(path.stat().st_size for path in home.glob("models/forest/1/*"))
    copies = list((home / ".local" / "artefacts").glob("?" * 64))
    modes = {copy.stat().st_mode & 0o222 for copy in copies}
    if in_git > 1e6 or len(copies) != 1 or modes != {0}:
        raise SystemExit(
            f"git has {in_git} bytes, and there are {len(copies)} copies, writable: {modes != {0}}"
        )


def _apart(step: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """What a step gives in a process of its own, its seconds without imports, and its largest memory in MB."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, step, *arguments).result()


def _measured(step: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    from pipeline.model import registry  # noqa: F401 - imported before the clock starts
    from pipeline.registration import register  # noqa: F401

    began = time.perf_counter()
    result = step(*arguments)
    seconds = time.perf_counter() - began
    return result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _rows(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(random.normal(size=(rows, COLUMNS)), columns=[f"x{i}" for i in range(COLUMNS)])


def _train(folder: str, megabytes: int) -> int:
    from sklearn.ensemble import ExtraTreesRegressor

    rows, noise = _rows(ROWS), np.random.default_rng(1).normal(size=ROWS)
    trees = max(1, round(megabytes / _MEGABYTES_A_TREE))
    forest = ExtraTreesRegressor(trees, max_features=1, random_state=0).fit(rows, rows["x0"] + noise)
    path = Path(folder) / "forest.joblib"
    joblib.dump(forest, path)
    rows.head(2000).to_parquet(Path(folder) / "forest.parquet")
    return path.stat().st_size


def _register(folder: str) -> None:
    from pipeline.registration.register import Registration, register

    files = Path(folder) / "forest.joblib", Path(folder) / "forest.parquet"
    register(Path(os.environ["SCORING_HOME"]), Registration("forest", *files, alias="champion"))


def _pinned() -> Any:
    from pipeline.model import registry

    return registry.resolve(Path(os.environ["SCORING_HOME"]), "forest", "champion")


def _check(_: str) -> None:
    from pipeline.model import content

    if lacking := list(content.lacking(_pinned())):
        sys.exit(" ".join(lacking))


def _load(_: str) -> None:
    from pipeline.model import registry

    registry.load(_pinned())


def _score(_: str) -> None:
    from pipeline.model import registry

    registry.load(_pinned()).score(_rows(SCORED))


def _hash(_: str) -> None:
    from pipeline.model import content

    content.locate(_pinned(), "model.joblib")


# What is done, in order.
_STEPS: dict[str, Callable[..., Any]] = {
    "a forest of {megabytes:,.0f} MB registered": _register,
    "its bytes registered again": _register,
    "check, without loading": _check,
    "fetched, verified, unpickled, golden rows": _load,
    "loaded again: verified in the cache, unpickled": _load,
    f"loaded again, and {SCORED:,} rows scored": _score,
    "of which: SHA-256 of the file": _hash,
}


@contextmanager
def _store(folder: str, s3: bool) -> Iterator[str]:
    if not s3:
        yield str(Path(folder) / "store")
        return
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    S3FileSystem().mkdir("models")
    yield "s3://models/forests"
    server.stop()


if __name__ == "__main__":
    main()
