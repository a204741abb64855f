"""How long a small night takes under a real scheduler, from its trigger to its publication.

`python -m benchmarks.night` runs real nights of some 900 flights, one after the other, with the settings of `make up`.
"""

import shutil
import sys
from datetime import date, timedelta
from statistics import median
from time import perf_counter

from benchmarks.ground import ROOT, join
from local import dag_runs
from local.airflow import started
from local.airflow_environment import Place
from local.rest import Rest
from pipeline.embedded import server as embedded
from pipeline.provisioning.migrate import migrate
from pipeline.provisioning.sample import load

HOME = ROOT / ".local" / "bench" / "nights"
JOB = "flight_delay"
# One more than counts: the first finds everything cold.
DAYS = [date(2013, 7, 1) + timedelta(days=number) for number in range(4)]


def main() -> None:
    """Run the nights and print their seconds."""
    server = embedded.start(ROOT / ".local" / "bench")
    migrate(server.connections["predictions_owner"])
    load(server.connections["warehouse_owner"])
    shutil.rmtree(HOME, ignore_errors=True)
    for folder in ("dags", "sql", "models"):
        shutil.copytree(ROOT / folder, HOME / folder)
    join().clear()  # a night that is published already would end early
    settings = {
        "AIRFLOW_CONN_WAREHOUSE": server.connections["warehouse"],
        "AIRFLOW_CONN_PREDICTIONS": server.connections["predictions"],
    }
    with started(Place.of(HOME), server, settings=settings) as airflow:
        airflow.ready()
        with airflow.rest() as rest:
            dag_runs.await_dag(airflow, rest, JOB)
            rest.unpause(JOB)
            rest.warm_up()
            seconds = [_night(rest, day) for day in DAYS]
    print(f"a night takes {median(seconds[1:]):.1f} s from trigger to publication; each: {seconds}")


def _night(rest: Rest, day: date) -> float:
    begun = perf_counter()
    run = rest.trigger(JOB, conf={"score_date": day.isoformat()})
    state = rest.wait(JOB, run)["state"]
    if state != "success":
        sys.exit(f"the night of {day} ended as {state}: look into {HOME}")
    return round(perf_counter() - begun, 1)


if __name__ == "__main__":
    main()
