"""What the wall around unpublished runs costs a reader: `python -m benchmarks.walls [--rows N]`.

An analyst asks for one entity, and for a day's mean score and labels, through `scoring.predictions` and through a plain
join of the same tables, as the view was before it was a wall; in turn, in one session, and once more as a role that
reads this job only. A published night is there twice, and one that nobody may see.
"""

import argparse
from collections.abc import Callable
from contextlib import suppress
from statistics import median
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from benchmarks.ground import NIGHT, Ground, make
from pipeline import analysts, machine, postgres
from pipeline.errors import NothingToDo
from pipeline.score import score

_LOOK_UPS, _DAYS = 500, 15
_ROLE = "bench_reader"
_PLAIN = """
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE VIEW plain.predictions AS
SELECT rows.job, rows.score_date, rows.entity_id, rows.score, rows.label, rows.class_scores,
       runs.model_name, runs.model_version, runs.scored_at, runs.run_id, runs.served_by, runs.staleness_days
FROM scoring.current_runs AS current
JOIN scoring.scoring_runs AS runs ON runs.run_id = current.run_id AND runs.status = 'published'
JOIN scoring.prediction_rows AS rows
  ON rows.job = current.job AND rows.score_date = current.score_date AND rows.run_id = current.run_id;
GRANT USAGE ON SCHEMA plain TO PUBLIC;
GRANT SELECT ON plain.predictions TO PUBLIC;
"""
_ENTITIES = "SELECT entity_id FROM plain.predictions WHERE job = 'bench' AND score_date = :night LIMIT 1000"
_LOOK_UP = """
SELECT count(*), min(run_id) FROM {}.predictions WHERE job = 'bench' AND score_date = :night AND entity_id = :entity
"""
_DAY = """
SELECT count(*), avg(score), count(*) FILTER (WHERE label = 'true') FROM {}.predictions
WHERE job = 'bench' AND score_date = :night
"""
_VIEWS = ("plain", "scoring")


def main() -> None:
    """Publish a night twice and hide a third, ask in turn, and print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    ground = make(parser.parse_args().rows)
    ground.clear()
    machine.claim()
    path = ground.places.home / "sql" / "bench.sql"
    for number in range(3):
        path.write_text(
            f"{path.read_text(encoding='utf-8')}-- again\n", encoding="utf-8"
        )  # or it would be a twin
        with suppress(NothingToDo):  # the last is a dry run
            score(ground.places, ground.job, NIGHT, trigger=f"walls {number}", dry_run=number == 2)
    owner = ground.server.connections["predictions_owner"]
    with postgres.engine(owner).begin() as session:
        session.execute(sa.text(_PLAIN))
        session.execute(sa.text(f"DROP ROLE IF EXISTS {_ROLE}"))
        session.execute(sa.text(f"CREATE ROLE {_ROLE} LOGIN"))
    analysts.grant(owner, _ROLE, ["bench"])
    try:
        for role in ("analyst", _ROLE):
            _measure(ground, role)
    finally:
        analysts.revoke(owner, _ROLE, [])
        with postgres.engine(owner).begin() as session:
            session.execute(sa.text(f"DROP SCHEMA plain CASCADE; DROP ROLE {_ROLE}"))


def _measure(ground: Ground, role: str) -> None:
    with postgres.engine(ground.server.uri("predictions", role)).connect() as session:
        night = {"night": NIGHT}
        entities = session.execute(sa.text(_ENTITIES), night).scalars().all()

        def ask(query: str, **values: Any) -> float:
            began = perf_counter()
            session.execute(sa.text(query), {**night, **values}).one()
            return perf_counter() - began

        _in_turn(
            role, "look-up", _LOOK_UPS, lambda view, n: ask(_LOOK_UP.format(view), entity=entities[n % 1000])
        )
        _in_turn(role, "day", _DAYS, lambda view, _: ask(_DAY.format(view)))


def _in_turn(role: str, what: str, times: int, ask: Callable[[str, int], float]) -> None:
    seconds = [[ask(view, number) for view in _VIEWS] for number in range(times)]
    plain, wall = (1e3 * median(column) for column in zip(*seconds, strict=True))
    ratio = median(wall / plain for plain, wall in seconds)
    print(
        f"{role:12} {what:8} plain {plain:8.2f} ms, wall {wall:8.2f} ms, {ratio:.2f} times (median of {times} pairs)"
    )


if __name__ == "__main__":
    main()
