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
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

ROWS, COLUMNS, SCORED = 50_000, 8, 100_000
# What a tree of that many rows has on disk.
_MEGABYTES_A_TREE = 7.2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--s3", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artefacts-") as folder, _store(folder, arguments.s3) as store:
        home = Path(folder) / "home"
        for name in ("dags", "sql", "models"):
            (home / name).mkdir(parents=True)
        os.environ |= {"SCORING_HOME": str(home), "SCORING_ARTEFACTS": store}
        size = _apart(_train, folder, arguments.megabytes)[0]
        print(f"artefact {size / 1e6:,.0f} MB, store {store}")
        steps: list[tuple[str, Callable[..., Any]]] = [
            ("register", _register),
            ("register the same bytes again", _register),
            ("check, without loading", _check),
            ("load: fetched, verified, unpickled, golden rows", _load),
            ("load again: verified in the cache, unpickled", _load),
            (f"load again, and score {SCORED:,} rows", _score),
        ]
        for name, step in steps:
            _, seconds, peak = _apart(step, folder)
            print(f"{name:50}{seconds:8.1f} s{peak:9,.0f} MB at most")
        _, digest, peak = _apart(_hash, folder)
        print(f"{'of which: SHA-256 of the file':50}{digest:8.1f} s{peak:9,.0f} MB at most")
        in_git = sum(path.stat().st_size for path in home.glob("models/forest/1/*"))
        copies = list((home / ".local" / "artefacts").glob("?" * 64))
        print(f"git_kb {in_git / 1e3:.0f} copies {len(copies)} mode {copies[0].stat().st_mode & 0o777:o}")


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
