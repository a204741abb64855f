"""What every task imports: loaded once, and shared by the forks that the tasks run in."""

import os
import sys

from pipeline.isolation import forkers

_PRELOAD = "AIRFLOW__SCHEDULER__MP_FORKSERVER_PRELOAD"

# 2.5 s of imports. A first demo's nights took 40 s, with these 15 s. Not `pipeline` itself: an edit of it counts from
# the next task on.
_LIBRARIES = (
    "airflow.dag_processing.dagbag",
    "airflow.executors.local_executor",
    "airflow.providers.standard.decorators.python",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.execution_time.hitl",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "adbc_driver_postgresql.dbapi",
    "croniter",
    "fsspec.core",
    "joblib",
    "pandas",
    "psycopg",
    "pyarrow.compute",
    "pyarrow.parquet",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_PIPELINE = (
    "local.preload",
    "orchestration.decide",
    "orchestration.publish",
    "orchestration.steps",
    "pipeline.evaluation.outcomes",
    *(f"pipeline.tasks.{name}" for name in ("extract", "log_metrics", "predict", "publish", "write")),
)


def _settings(*modules: str) -> dict[str, str]:
    if sys.platform != "linux":  # a fork after these imports is not safe
        return {}
    return {
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        _PRELOAD: ",".join(modules),
    }


# In Airflow's fork server: the tasks that it forks share the process that forks models' workers.
if __name__ in os.environ.get(_PRELOAD, "").split(","):
    forkers.begin()

LIBRARIES = _settings(*_LIBRARIES)
# For where nobody edits the pipeline while Airflow runs: its import is a third of a short task's time.
EVERYTHING = _settings(*_LIBRARIES, *_PIPELINE)
