"""What one night costs its readers: `python -m benchmarks.walls [--rows N] [--beside N]`.

An analyst asks for one entity, and for a mean score and labels of a day. Pairs are asked in turn; ratios are printed,
by the clock and, where one reader asks, of the processor time of the whole server. The two differ where a plain join
takes idle cores as parallel workers and the wall, which reads run by run, cannot:

- through a plain join of the tables, as the view was before it was a wall, and through `scoring.predictions`;
- of a night that is alone in its month, and of the same night beside other runs of so many rows in all; once more by
  eight analysts at once;
- writing and covering the night's rows without and with the index that finds them by their run.
"""

import argparse
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import chain
from statistics import median
from time import perf_counter

import psutil
import sqlalchemy as sa

from benchmarks import crowd
from benchmarks.ground import NIGHT, Ground, make
from pipeline.databases import postgres
from pipeline.payloads import RunRequest
from pipeline.provisioning import analysts
from pipeline.runtime import resources
from pipeline.tasks.run import score

_LOOK_UPS, _DAYS, _WRITES, _ANALYSTS = 300, 15, 5, 8
_ROUNDS = 3
_ROLE = "bench_reader"
_PLAIN = """
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE VIEW plain.predictions AS
SELECT current.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN scoring.prediction_rows AS rows
  ON rows.score_date = current.score_date AND rows.run_id = current.run_id;
GRANT USAGE ON SCHEMA plain TO PUBLIC;
GRANT SELECT ON plain.predictions TO PUBLIC;
CREATE TABLE plain.unindexed (LIKE scoring.prediction_rows INCLUDING CONSTRAINTS);
CREATE INDEX ON plain.unindexed
    USING brin (run_id, entity_id text_bloom_ops (n_distinct_per_range = -0.4)) WITH (pages_per_range = 16);
CREATE TABLE plain.indexed (LIKE scoring.prediction_rows INCLUDING ALL);
"""
_ENTITIES = "SELECT entity_id FROM scoring.predictions WHERE job = 'bench' AND score_date = :night LIMIT 1000"
_LOOK_UP = """
SELECT count(*), min(run_id) FROM {}.predictions WHERE job = 'bench' AND score_date = :night AND entity_id = :entity
"""
_DAY = """
SELECT count(*), avg(score), count(*) FILTER (WHERE label = 'true') FROM {}.predictions
WHERE job = 'bench' AND score_date = :night
"""
_COVER = """
SELECT brin_summarize_new_values(indexrelid) FROM pg_index WHERE indrelid = CAST(:name AS regclass)
"""

# A way to ask: the view's schema, and the night.
Way = tuple[str, date]


def main() -> None:
    """Publish a night, copy it into a crowd, ask in turn, and print medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--beside", type=int, default=12_000_000)
    asked = parser.parse_args()
    ground = make(asked.rows)
    ground.clear()
    resources.limit_threads()
    score(ground.workspace, ground.job, NIGHT, RunRequest(trigger="walls"))
    crowd.add(ground, asked.beside // asked.rows)
    owner = ground.server.connections["predictions_owner"]
    superuser = ground.server.uri("predictions")
    with postgres.engine(superuser).begin() as session:
        session.execute(sa.text(f"DROP ROLE IF EXISTS {_ROLE}"))
        session.execute(sa.text(f"CREATE ROLE {_ROLE} LOGIN; {_PLAIN}"))
    analysts.grant(owner, _ROLE, ["bench"])
    try:
        walls = ("plain join", ("plain", NIGHT)), ("wall", ("scoring", NIGHT))
        months = ("alone", ("scoring", NIGHT)), ("crowded", ("scoring", crowd.CROWDED))
        for role in ("analyst", _ROLE):
            _compare(ground, role, walls)
        _compare(ground, "analyst", months)
        _compare(ground, "analyst", months, readers=_ANALYSTS)
        _compare_writing(ground)
    finally:
        analysts.revoke(owner, _ROLE, [])
        with postgres.engine(superuser).begin() as session:
            session.execute(sa.text(f"DROP SCHEMA plain CASCADE; DROP ROLE {_ROLE}"))


def _compare(ground: Ground, role: str, ways: Sequence[tuple[str, Way]], readers: int = 1) -> None:
    """Ask for entities and for days, one way and the other in turn, by so many readers at once."""
    address = ground.server.uri("predictions", role)
    with postgres.engine(address).connect() as session:
        entities = session.execute(sa.text(_ENTITIES), {"night": NIGHT}).scalars().all()

    def read(query: str, times: int) -> list[list[float]]:
        with postgres.engine(address).connect() as session:

            def ask(way: Way, number: int) -> float:
                values = {"night": way[1], "entity": entities[number % len(entities)]}
                began = perf_counter()
                session.execute(sa.text(query.format(way[0])), values).one()
                return perf_counter() - began

            return _in_turn(times, [partial(ask, way) for _, way in ways])

    def processor(query: str, times: int, way: Way, _: int) -> float:
        began = _server_processor(ground)
        with postgres.engine(address).connect() as session:
            for number in range(times):
                values = {"night": way[1], "entity": entities[number % len(entities)]}
                session.execute(sa.text(query.format(way[0])), values).one()
        return _server_processor(ground) - began

    for what, query, times in (("look-up", _LOOK_UP, _LOOK_UPS), ("day", _DAY, _DAYS)):
        with ThreadPoolExecutor(readers) as pool:
            asked = pool.map(partial(read, query), [max(times // readers, 3)] * readers)
            seconds = list(chain.from_iterable(asked))
        _tell(f"{readers} x {role}, {what}", [name for name, _ in ways], seconds)
        if readers == 1:
            used = _in_turn(_ROUNDS, [partial(processor, query, times, way) for _, way in ways])
            _tell(f"{times} {what}s, processor", [name for name, _ in ways], used)


def _server_processor(ground: Ground) -> float:
    """Seconds of processor that the server's processes have used, those that have ended included."""
    postmaster = psutil.Process(int((ground.server.data / "postmaster.pid").read_text().split()[0]))
    seconds = sum(postmaster.cpu_times()[:4])
    for process in postmaster.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends meanwhile: its parent counts it from now on
            seconds += sum(process.cpu_times()[:2])
    return seconds


def _compare_writing(ground: Ground) -> None:
    """Load and cover the night's rows into a table without the index by run, and into one with it, in turn."""
    superuser = ground.server.uri("predictions")
    with postgres.connect(superuser, autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("SELECT * FROM scoring.prediction_rows WHERE score_date = $1", (NIGHT,))
        rows = cursor.fetch_arrow_table()

        def write(table: str) -> float:
            cursor.execute(f"TRUNCATE plain.{table}")
            began = perf_counter()
            postgres.load(cursor, "plain", table, rows.to_reader())
            with postgres.engine(superuser).begin() as other:
                other.execute(sa.text(_COVER), {"name": f"plain.{table}"})
                other.execute(sa.text(f"ANALYZE plain.{table}"))
            return perf_counter() - began

        seconds = _in_turn(_WRITES, [lambda _: write("unindexed"), lambda _: write("indexed")])
    _tell("writing", ["without", "with the index by run"], seconds)


def _in_turn(times: int, ways: Sequence[Callable[[int], float]]) -> list[list[float]]:
    return [[ask(number) for ask in ways] for number in range(times)]


def _tell(what: str, names: Sequence[str], seconds: Sequence[Sequence[float]]) -> None:
    first, second = (1e3 * median(column) for column in zip(*seconds, strict=True))
    ratio = median(after / before for before, after in seconds)
    print(
        f"{what:28} {names[0]} {first:9.2f} ms, {names[1]} {second:9.2f} ms, {ratio:.2f} times "
        f"(median of {len(seconds)} pairs)",
        flush=True,
    )


if __name__ == "__main__":
    main()
