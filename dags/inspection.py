"""Every quarter of an hour: can the job files, and the files that make DAGs of them, be used?

Where one cannot, nothing is scored, and no task of its own can say so. This DAG notes a failed run for every such day,
which the page "Scoring" shows. It notifies people once: those whom the file names, else those who got the job's
messages before, else those of the other jobs.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from orchestration import broken
from orchestration.kubernetes import pods

FOLDER = Path(__file__).parent

with DAG(
    dag_id="scoring-inspection",  # a job's name has no hyphen
    description="Finds job files and DAG files that cannot be used, and notifies people",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["scoring"],
    default_args={
        "retries": 1,
        "retry_delay": timedelta(minutes=1),
        "pre_execute": lambda context: broken.keep_needed(FOLDER),
    },
) as dag:

    @task
    def inspect(**context: Any) -> list[str]:
        """Read every file, note those that cannot be used, and notify people."""
        return broken.inspect(FOLDER, Path(__file__), context)

    inspect()

pods.place(dag)
