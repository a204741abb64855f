"""The ways to score the table, each run in a process of its own: `python -m benchmarks.modes MODE` prints its cost.

Seconds count the work, after the imports; the peak is that of the whole process.
"""

import json
import sys
from collections.abc import Callable
from datetime import date
from time import perf_counter

import adbc_driver_postgresql.dbapi as adbc
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from benchmarks.ground import NIGHT, Ground, here, join
from pipeline.databases import postgres
from pipeline.model import registry
from pipeline.payloads import RunRequest
from pipeline.runtime import resources
from pipeline.runtime.clock import Clock
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.run import score
from pipeline.tasks.write import write

# The run for which a session of the owner writes. It says so first, as a night does: else a trigger would look at each
# row, and a COPY of 1,000,000 rows take 9.4 s in place of 2.3.
OWNERS_RUN = 1
_WRITING = f"SELECT setval('scoring.writing', {OWNERS_RUN * 2**20 + (NIGHT - date(1970, 1, 1)).days})"

Seconds = dict[str, float]


class Laps:
    """Seconds between one call and the next, by name."""

    def __init__(self) -> None:
        """Start now."""
        self.seconds: Seconds = {}
        self._started = perf_counter()

    def end(self, name: str) -> None:
        """Enter a lap, and start the next."""
        now = perf_counter()
        self.seconds[name], self._started = now - self._started, now


def floor(ground: Ground) -> Seconds:
    """Each part alone: read everything as Arrow, predict in memory, COPY into the table of scores."""
    loaded = here(registry.resolve(ground.workspace.home, "flight_delay", "champion"))
    contract, laps = loaded.manifest.contract, Laps()
    with adbc.connect(ground.workspace.warehouse) as session, session.cursor() as cursor:
        cursor.execute("SELECT * FROM bench_input")
        rows = cursor.fetch_arrow_table()
    laps.end("read")
    plain = rows.select(contract.schema.names).cast(contract.schema).combine_chunks()
    scores = loaded.score(contract.frame(plain.to_batches()[0]))
    laps.end("predict")
    constants = (
        ("score_date", pa.scalar(NIGHT, pa.date32())),
        ("run_id", pa.scalar(OWNERS_RUN, pa.int64())),
        ("part", pa.scalar(0, pa.int32())),
    )
    columns = {name: pa.repeat(value, len(rows)) for name, value in constants}
    table = pa.table({**columns, "entity_id": rows["entity_id"], "score": scores.score})
    with adbc.connect(ground.server.connections["predictions_owner"]) as session, session.cursor() as cursor:
        cursor.execute(_WRITING)
        cursor.fetchall()
        postgres.load(cursor, "scoring", "prediction_rows", table.to_reader())
        session.commit()
    laps.end("copy")
    return laps.seconds


def _load_libraries(ground: Ground) -> None:
    """Have the process that models are forked from load its libraries: of all other imports no second counts either."""
    registry.load(registry.resolve(ground.workspace.home, "flight_delay", "champion"))


def stages(ground: Ground) -> Seconds:
    """The stages as the tasks run them, one after the other."""
    workspace, job = ground.workspace, ground.job
    _load_libraries(ground)
    laps = Laps()
    run = extract(workspace, job, NIGHT, RunRequest(trigger="benchmark"))
    laps.end("extract")
    work = load_model(workspace, job, run)
    laps.end("load_model")
    scored = [predict(workspace, job, piece) for piece in work]
    laps.end("predict")
    written = [write(workspace, job, part) for part in scored]
    laps.end("write")
    verdict = log_metrics(workspace, job, run, written)
    laps.end("log_metrics")
    publish(workspace, job, run, verdict)
    laps.end("publish")
    return laps.seconds


def process(ground: Ground) -> Seconds:
    """The whole night in one process, as `python -m pipeline score` runs it."""
    _load_libraries(ground)
    laps = Laps()
    score(ground.workspace, ground.job, NIGHT, RunRequest(trigger="benchmark"))
    laps.end("score")
    return laps.seconds


def pandas(ground: Ground) -> Seconds:
    """What a team writes first: read_sql, predict_proba, to_sql, without any check."""
    loaded = here(registry.resolve(ground.workspace.home, "flight_delay", "champion"))
    laps = Laps()
    source = postgres.engine(ground.workspace.warehouse)
    rows = pd.read_sql("SELECT * FROM bench_input", source)
    laps.end("read_sql")
    features = [column.name for column in loaded.manifest.columns]
    dtypes = {column.name: column.dtype for column in loaded.manifest.columns}
    scores = loaded.estimator.predict_proba(rows[features].astype(dtypes))[:, 1]
    laps.end("predict")
    sample = rows[["entity_id"]].assign(score_date=NIGHT, run_id=OWNERS_RUN, part=0, score=scores)
    with postgres.engine(ground.server.connections["predictions_owner"]).begin() as target:
        target.execute(sa.text(_WRITING))
        sample.to_sql("prediction_rows", target, schema="scoring", if_exists="append", index=False)
    laps.end("to_sql")
    return laps.seconds


MODES: dict[str, Callable[[Ground], Seconds]] = {
    mode.__name__: mode for mode in (floor, stages, process, pandas)
}


def main() -> None:
    """Run one mode and print its seconds and peak memory as JSON."""
    ground = join()
    ground.clear()
    resources.limit_threads()
    seconds = MODES[sys.argv[1]](ground)
    print(json.dumps({"seconds": seconds, "peak_mb": Clock().cost().peak_mb}))


if __name__ == "__main__":
    main()
