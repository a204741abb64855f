"""Reasons of scores: seconds, exactness, agreement with enumeration; beside shap: `make bench-reasons`.

The sample's champion explains 900 rows of its reference, over 8, 16, 32 and 64 orders, in its own process as a run does
it; and 100,000 rows over 8, in a good minute (`--rows 900` leaves these out).
The error is measured against 256 rows of the reference as a background, and stated is what each contribution says of
itself. A forest of ten columns is compared with the enumeration of all 1,024 sets of them, over the same background.

shap's permutation explainer lives in an environment of its own, `.local/shap` (benchmarks/shap.txt). It explains the
same rows by the same model over the same background, with as many calls of the model a row.
"""

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import RandomForestRegressor

from benchmarks import apart
from benchmarks.ground import ROOT
from pipeline.attribution import background, players, walk
from pipeline.attribution.explainer import Explainer
from pipeline.contract.contract import ENTITY
from pipeline.model import registry
from pipeline.model.loaded_model import Model
from pipeline.model.manifest import PinnedVersion

Floats = npt.NDArray[np.float64]
HERE = Path(__file__).parent
TRUE_BACKGROUND, TRUE_ROWS = 256, 30
# Shares of so many rows are kept; shap explains as many.
KEPT = 200
COLUMNS, FOREST_ROWS = 10, 12


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[900, 100_000], help="all but the first over the fewest orders"
    )
    parser.add_argument("--orders", type=int, nargs="*", default=[8, 16, 32, 64])
    parser.add_argument("--no-shap", action="store_true", help="leave shap out")
    asked = parser.parse_args()
    pinned = registry.resolve(ROOT, "flight_delay", "champion")
    model = registry.load(pinned)
    rows = _rows(pinned, asked.rows[0])
    true = _true(model, pinned, rows.slice(0, TRUE_ROWS))
    print(
        f"{'rows':>8}{'columns':>9}{'orders':>8}{'seconds':>9}{'gap':>10}{'error':>8}{'stated':>8}{'top right':>11}"
    )
    for orders in asked.orders:
        print(_line(_explained(model, pinned, rows, orders), true, orders), flush=True)
    _forest()
    for number in asked.rows[1:]:
        orders = min(asked.orders)
        print(_line(_explained(model, pinned, _rows(pinned, number), orders), true, orders), flush=True)
    if not asked.no_shap:
        _beside_shap(model, pinned, rows.slice(0, min(KEPT, rows.num_rows)))


@dataclass(frozen=True)
class Explained:
    """Rows that were explained: the seconds, the largest gap, and the shares of the first of them."""

    rows: int
    seconds: float
    gap: float
    values: Floats
    errors: Floats


def _line(explained: Explained, true: Floats, orders: int) -> str:
    """A line of the table; what the first rows' contributions should be is known."""
    known = min(len(true), len(explained.values))
    values, stated, true = explained.values[:known], explained.errors[:known], true[:known]
    error = np.sqrt(((values - true) ** 2).mean())
    right = (np.abs(values).argmax(axis=1) == np.abs(true).argmax(axis=1)).mean()
    return (
        f"{explained.rows:8}{values.shape[1]:9}{orders:8}{explained.seconds:9.2f}{explained.gap:10.1e}{error:8.4f}"
        f"{np.sqrt((stated**2).mean()):8.4f}{right:11.0%}"
    )


def _rows(pinned: PinnedVersion, number: int) -> pa.RecordBatch:
    """Rows of the reference, once or more often, as a part has them."""
    reference = background.reference(pinned)
    taken = reference.take(pa.array(np.arange(number) % reference.num_rows))
    names = pa.array([f"row {place}" for place in range(number)])
    return pa.RecordBatch.from_arrays([names, *taken.columns], names=[ENTITY, *taken.schema.names])


def _explained(model: Model, pinned: PinnedVersion, rows: pa.RecordBatch, orders: int) -> Explained:
    columns = [column.name for column in pinned.manifest.columns]
    chosen = background.load(pinned, model)
    explainer = Explainer.of(model, players.of_model(columns, {}, pinned.manifest.label), chosen, orders)
    scores = model.score_batch(rows).score
    gap, values, errors = 0.0, list[Floats](), list[Floats]()
    began = perf_counter()
    for block in explainer.blocks([(rows, scores)]):
        explained = explainer.explain(*block)
        gap = max(gap, explained.gap)
        if sum(map(len, values)) < KEPT:
            values.append(explained.shares.values)
            errors.append(explained.shares.errors)
    return Explained(
        rows.num_rows, perf_counter() - began, gap, np.concatenate(values), np.concatenate(errors)
    )


def _true(model: Model, pinned: PinnedVersion, rows: pa.RecordBatch) -> Floats:
    """Contributions over so large a background that another one would hardly change them."""
    columns = [column.name for column in pinned.manifest.columns]
    many = background.evenly(background.reference(pinned), TRUE_BACKGROUND)
    explainer = Explainer.of(model, players.of_model(columns, {}, ""), many, 2 * TRUE_BACKGROUND)
    scores = model.score_batch(rows).score
    blocks = [explainer.explain(*block) for block in explainer.blocks([(rows, scores)])]
    return np.concatenate([block.shares.values for block in blocks])


def _forest() -> None:
    """A model that adds nothing up: walks beside the enumeration of all sets of columns."""
    random = np.random.default_rng(20)
    training = random.normal(size=(500, COLUMNS))
    target = training[:, 0] * training[:, 1] + np.maximum(training[:, 2], training[:, 3]) + training[:, 4]
    forest = RandomForestRegressor(40, random_state=20).fit(training, target)
    rows, start = training[:FOREST_ROWS], training[100:116]
    true = np.array([_enumerated(forest, row, start) for row in rows])
    names = [f"c{place}" for place in range(COLUMNS)]
    batches = [
        pa.RecordBatch.from_arrays([pa.array(each) for each in table.T], names=names)
        for table in (rows, start)
    ]
    shares = walk.explain(
        batches[0],
        batches[1],
        [(name,) for name in names],
        [f"row {place}" for place in range(FOREST_ROWS)],
        np.repeat(forest.predict(start)[None], FOREST_ROWS, axis=0),
        lambda mixed, _: forest.predict(np.column_stack([column.to_numpy() for column in mixed.columns])),
    )
    missed = np.abs(shares.values - true)
    within = (missed <= 2 * shares.errors).mean()
    print(
        f"forest of {COLUMNS} columns, {2 * len(start)} orders: mean distance to enumeration {missed.mean():.4f} of "
        f"contributions of {np.abs(true).mean():.4f}; {within:.0%} within twice the stated error"
    )


def _enumerated(forest: Any, row: Floats, start: Floats) -> Floats:
    """Exact Shapley values over a background, from the worth of every set of columns."""
    sets = [chosen for size in range(COLUMNS + 1) for chosen in combinations(range(COLUMNS), size)]
    mixed = np.repeat(start[None], len(sets), axis=0)
    for place, chosen in enumerate(sets):
        mixed[place][:, list(chosen)] = row[list(chosen)]
    worth = forest.predict(mixed.reshape(-1, COLUMNS)).reshape(len(sets), -1).mean(axis=1)
    of_set = dict(zip(map(frozenset, sets), worth, strict=True))
    values = np.zeros(COLUMNS)
    for chosen in sets:
        for column in set(range(COLUMNS)) - set(chosen):
            weight = factorial(len(chosen)) * factorial(COLUMNS - len(chosen) - 1) / factorial(COLUMNS)
            values[column] += weight * (of_set[frozenset(chosen) | {column}] - of_set[frozenset(chosen)])
    return values


def _beside_shap(model: Model, pinned: PinnedVersion, rows: pa.RecordBatch) -> None:
    """The same rows by shap, over the same background, in one go after ours."""
    python = apart.install("shap") / "bin" / "python"
    explained = _explained(model, pinned, rows, 32)
    seconds, gap, ours = explained.seconds, explained.gap, explained.values[: rows.num_rows]
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.Table.from_batches([rows.drop_columns([ENTITY])]), f"{folder}/rows.parquet")
        start = background.evenly(background.load(pinned, model), 16)
        pq.write_table(pa.Table.from_batches([start]), f"{folder}/background.parquet")
        command = [str(python), str(HERE / "peer_shap.py"), str(pinned.folder), folder]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = np.load(f"{folder}/values.npy")
    measured = json.loads(ended.stdout.splitlines()[-1])
    print(f"{'':28}{'seconds':>9}{'gap':>10}")
    print(f"{f'ours, {rows.num_rows} rows, 32 orders':28}{seconds:9.2f}{gap:10.1e}")
    print(f"{'shap, permutation explainer':28}{measured['seconds']:9.2f}{measured['gap']:10.1e}")
    print(f"{'shap, tree explainer':28}{measured['tree_seconds']:9.2f}{measured['tree_gap']:10.1e}")
    correlation = np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]
    print(
        f"seconds_over_shap {seconds / measured['seconds']:.2f}; correlation of the contributions {correlation:.4f}"
    )


if __name__ == "__main__":
    main()
