"""How much faster compiled predictors are than estimators, bit for bit: `python -m benchmarks.compiled`.

`python -m benchmarks.compiled which` says what scores the sample's champion on this machine.
"""

import argparse
import copy
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from benchmarks.ground import ROOT
from models.flight_delay import training
from pipeline.model import registry
from pipeline.registration.compiled import build, prove
from pipeline.runtime import resources
from pipeline.runtime.clock import processor_seconds
from pipeline.worker.compiled.predictor import Predictor
from pipeline.worker.models import Column

ROUNDS, SINGLE = 5, 200


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("table", "which"), default="table")
    parser.add_argument("--rows", type=int, default=60_000)
    asked = parser.parse_args()
    resources.limit_threads()
    threadpool_limits(1)  # as a model's process computes
    pinned = registry.resolve(ROOT, "flight_delay", "champion")
    if asked.what == "which":
        print(registry.load(pinned).scored_by)
        return
    rows = pd.read_parquet(pinned.folder / "reference.parquet")
    frame = rows[[column.name for column in pinned.manifest.columns]]
    places, schema = np.resize(np.arange(len(frame)), asked.rows), pinned.manifest.contract.schema.remove(0)
    large = pa.RecordBatch.from_pandas(frame.iloc[places], schema, preserve_index=False)
    columns = [
        Column(each.name, each.dtype, each.categories, each.ordered) for each in pinned.manifest.columns
    ]
    print(
        "| model | rows compared | other bits | estimator, us a row | compiled | times | one row, ms | compiled |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictor.so"
        path.write_bytes(build.library())
        for name, estimator in _estimators(frame, rows["late"]):
            print(_line(name, estimator, large, columns, str(path)), flush=True)
    single, whole = (_through_the_process(compiled) for compiled in (False, True))
    print(
        f"\none row by the model's own process, ms of the processor: {single:.2f} the estimator, {whole:.2f} compiled"
    )


def _estimators(frame: pd.DataFrame, late: pd.Series) -> Iterator[tuple[str, Any]]:
    """Models of the sample's columns: its own, larger trees, forests, and boosters."""
    base = training.make_model()
    yield "the sample's: HistGradientBoosting, 8 leaves", base.fit(frame, late)
    boosting = {"max_iter": 100, "early_stopping": False, "random_state": 0}
    forest = {"n_estimators": 100, "random_state": 0}
    for name, last in (
        ("HistGradientBoosting, 31 leaves", HistGradientBoostingClassifier(**boosting)),
        ("the same, 255 leaves", HistGradientBoostingClassifier(max_leaf_nodes=255, **boosting)),
        ("RandomForest, depth 6", RandomForestClassifier(max_depth=6, **forest)),
        ("RandomForest, whole trees", RandomForestClassifier(**forest)),
        ("ExtraTrees, whole trees", ExtraTreesClassifier(**forest)),
        ("LightGBM, 31 leaves", LGBMClassifier(n_estimators=100, random_state=0, n_jobs=1, verbose=-1)),
        ("XGBoost, depth 6", XGBClassifier(n_estimators=100, random_state=0, n_jobs=1)),
    ):
        yield name, _behind_encoder(base, last).fit(frame, late)


def _behind_encoder(base: Pipeline, last: Any) -> Pipeline:
    """The sample's own encoder, and no missing value behind it."""
    return make_pipeline(clone(base[0]), SimpleImputer(), last)


def _line(name: str, estimator: Any, batch: pa.RecordBatch, columns: list[Column], path: str) -> str:
    own = Predictor(copy.deepcopy(estimator), columns, "", regression=False, labels=False)
    compiled = Predictor(estimator, columns, path, regression=False, labels=False)
    proof = compiled.prove(batch, prove.HURTING_ROWS)
    many = [_seconds(each, batch, ROUNDS) / batch.num_rows for each in (own, compiled)]
    single = [_seconds(each, batch.slice(0, 1), SINGLE) for each in (own, compiled)]
    figures = f"{1e6 * many[0]:.2f} | {1e6 * many[1]:.2f} | {many[0] / many[1]:.1f}"
    return f"|{name}|{proof.rows:,}|{proof.differing}| {figures} | {1e3 * single[0]:.2f} | {1e3 * single[1]:.2f} |"


def _seconds(predictor: Predictor, batch: pa.RecordBatch, rounds: int) -> float:
    """Median seconds of the processor for one call."""
    return _median(lambda: predictor.answer(batch), rounds, process_time)


def _through_the_process(compiled: bool) -> float:
    """Milliseconds of both processes for one row of the sample, as `serve` asks for it."""
    pinned = registry.resolve(ROOT, "flight_delay", "champion")
    model = registry.load(pinned, compiled=compiled)
    names = [column.name for column in pinned.manifest.columns]
    frame = pd.read_parquet(pinned.folder / "reference.parquet")[names].head(1)
    return 1000 * _median(lambda: model.score(frame), SINGLE, processor_seconds)


def _median(call: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    call()
    taken = []
    for _ in range(rounds):
        began = clock()
        call()
        taken.append(clock() - began)
    return median(taken)


if __name__ == "__main__":
    main()
