"""What readers feel of a publication: `python -m benchmarks.readers [--rows N]`.

An analyst in a process of their own looks up one entity of the night after another, through `predictions`, while the
same night is scored again, written and published under them. The slowest look-up of each stage stands beside the
slowest of as many while nothing else happened, and beside them how long the transaction took that moved the pointer.
Then the pointer alone moves between the two runs, time and again, and beside that the pointer of another job's night,
which this reader does not look at and which is as much work: what look-ups take longer under the first than under the
second is what they wait for a publication, rather than for their share of the processors.
"""

import argparse
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import event

from benchmarks.ground import NIGHT, Ground, make
from pipeline.config import loader
from pipeline.databases import postgres
from pipeline.payloads import RunRequest
from pipeline.runtime import resources
from pipeline.tasks.extract import extract
from pipeline.tasks.load_model import load_model
from pipeline.tasks.log_metrics import log_metrics
from pipeline.tasks.predict import predict
from pipeline.tasks.publish import publish
from pipeline.tasks.run import score
from pipeline.tasks.write import write

# Seconds of looking up while nothing else happens, before and after.
_QUIET = 8
# Moves of the pointer alone, and the seconds between two.
_MOVES, _BETWEEN = 200, 0.03
# A reader that asks without end would be what the server is busy with.
_PAUSE = 0.002
_ANOTHER = "another"
_LOOK_UP = """
SELECT count(*), min(run_id) FROM scoring.predictions
WHERE job = 'bench' AND score_date = :night AND entity_id = :entity
"""
_ENTITIES = "SELECT entity_id FROM scoring.predictions WHERE job = 'bench' AND score_date = :night LIMIT 1000"
_RUNS = "SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND score_date = :night ORDER BY run_id"
# What publishing and rolling back end with; without their audits, which count the night's rows.
_MOVE = "SELECT scoring.point(:run_id, 'measured', 'rollback', 'benchmark', 'measured')"

# When a look-up began, and how long it took.
LookUp = tuple[float, float]


def main() -> None:
    """Publish a night under a reader, and print what the reader felt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    ground = make(parser.parse_args().rows)
    ground.clear()
    resources.limit_threads()
    score(ground.workspace, ground.job, NIGHT, RunRequest(trigger="before"))
    _publish_another(ground)
    with _reading(ground) as ended:
        stages, window = _again(ground)
        _moved(ground, _ANOTHER, stages)
        moves = _moved(ground, "bench", stages)
        look_ups, wrong = ended()
    begins = [began for _, began in stages]
    for number, (stage, began) in enumerate(stages):
        took = [seconds for at, seconds in look_ups if bisect_right(begins, at) == number + 1]
        print(
            f"{stage:14} {began - begins[0]:6.1f} s: {len(took):6} look-ups, median {1e3 * median(took):6.2f} ms, "
            f"99 % within {1e3 * np.quantile(took, 0.99):7.2f} ms, slowest {1e3 * max(took):7.2f} ms"
        )
    print(
        f"the pointer moved in {1e3 * window:.1f} ms, alone in {1e3 * median(moves):.1f} ms (slowest of {len(moves)} "
        f"{1e3 * max(moves):.1f}); {wrong} of {len(look_ups)} look-ups found not one score"
    )


def _again(ground: Ground) -> tuple[list[tuple[str, float]], float]:
    """Score and publish the night once more; when each stage began, and the seconds of the publishing transaction."""
    stages: list[tuple[str, float]] = []

    def begin(stage: str) -> None:
        stages.append((stage, perf_counter()))

    # Another query has another digest: a run with the same input would end as a twin.
    (ground.workspace.home / "sql" / "bench.sql").write_text(
        "SELECT * FROM bench_input -- again\n", encoding="utf-8"
    )
    begin("nothing")
    sleep(_QUIET)
    begin("extract")
    run = extract(ground.workspace, ground.job, NIGHT, RunRequest(trigger="under readers"))
    begin("predict")
    pieces = load_model(ground.workspace, ground.job, run)
    scored = [predict(ground.workspace, ground.job, work) for work in pieces]
    begin("write")
    written = [write(ground.workspace, ground.job, part) for part in scored]
    begin("log_metrics")
    verdict = log_metrics(ground.workspace, ground.job, run, written)
    begin("publish")
    with _timed("scoring.publish(") as seconds:
        publish(ground.workspace, ground.job, run, verdict)
    begin("nothing")
    sleep(_QUIET)
    return stages, seconds[0]


def _publish_another(ground: Ground) -> None:
    """Publish a small night of another job twice."""
    home = ground.workspace.home
    text = (home / "dags" / "bench.toml").read_text(encoding="utf-8").replace("bench.sql", f"{_ANOTHER}.sql")
    (home / "dags" / f"{_ANOTHER}.toml").write_text(text, encoding="utf-8")
    for rows in (1000, 1001):
        query = f"SELECT * FROM bench_input LIMIT {rows}"  # noqa: S608 a number of ours
        (home / "sql" / f"{_ANOTHER}.sql").write_text(query, encoding="utf-8")
        score(ground.workspace, loader.find(home / "dags", _ANOTHER), NIGHT, RunRequest(trigger="before"))


def _moved(ground: Ground, of: str, stages: list[tuple[str, float]]) -> list[float]:
    """Move a job's pointer to the other run and back, and note the stages; returns the seconds of each move."""
    seconds = []
    with postgres.engine(ground.server.connections["predictions_owner"]).connect() as session:
        runs = session.execute(sa.text(_RUNS), {"job": of, "night": NIGHT}).scalars().all()
        stages.append((f"moves, {of}", perf_counter()))
        for run_id in islice(cycle(runs), _MOVES):
            began = perf_counter()
            session.execute(sa.text(_MOVE), {"run_id": run_id})
            session.commit()
            seconds.append(perf_counter() - began)
            sleep(_BETWEEN)
    stages.append(("nothing", perf_counter()))
    sleep(_QUIET)
    return seconds


@contextmanager
def _timed(statement: str) -> Iterator[list[float]]:
    """How long transactions took from this statement to their end."""
    began: list[float] = []
    seconds: list[float] = []

    def note(_: Any, __: Any, text: str, *___: Any) -> None:
        if statement in text:
            began.append(perf_counter())

    def end(_: Any) -> None:
        if len(began) > len(seconds):
            seconds.append(perf_counter() - began[-1])

    event.listen(sa.Engine, "before_cursor_execute", note)
    # Called before COMMIT is sent; the next statement or the session's return to the pool comes after it.
    event.listen(sa.Engine, "commit", end)
    try:
        yield seconds
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)
        event.remove(sa.Engine, "commit", end)


@contextmanager
def _reading(ground: Ground) -> Iterator[Any]:
    """A reader at work; yields a function that ends it and returns its look-ups, and how many were wrong."""
    mine, theirs = get_context("spawn").Pipe()
    reader = get_context("spawn").Process(target=_read, args=(ground.server.connections["analyst"], theirs))
    reader.start()
    mine.recv()  # ready

    def end() -> tuple[list[LookUp], int]:
        mine.send("end")
        answer: tuple[list[LookUp], int] = mine.recv()
        return answer

    try:
        yield end
    finally:
        reader.terminate()
        reader.join()


def _read(uri: str, pipe: Connection) -> None:
    look_ups: list[LookUp] = []
    wrong = 0
    with postgres.engine(uri).connect() as session:
        entities = session.execute(sa.text(_ENTITIES), {"night": NIGHT}).scalars().all()
        query = sa.text(_LOOK_UP)
        pipe.send("ready")
        while not pipe.poll():
            entity = entities[len(look_ups) % len(entities)]
            began = perf_counter()
            answer = session.execute(query, {"night": NIGHT, "entity": entity}).one()
            session.rollback()
            look_ups.append((began, perf_counter() - began))
            wrong += answer[0] != 1
            sleep(_PAUSE)
    pipe.send((look_ups, wrong))


if __name__ == "__main__":
    main()
