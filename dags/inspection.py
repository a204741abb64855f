"""Every quarter of an hour: can the job files, and the files that make DAGs of them, be used?

Where one cannot, no night is scored, and none of its own tasks could say so. This DAG notes a failed run for every day
of it, which the page "Scoring" shows, and tells people once: those whom the file names, else those who got the job's
messages before, else those of the other jobs.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from orchestration import broken

FOLDER = Path(__file__).parent

with DAG(
    dag_id="scoring-inspection",  # a job's name has no hyphen
    description="Notes and tells which job files and DAG files cannot be used",
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
):

    @task
    def inspect(**context: Any) -> list[str]:
        """Look at every file, and note and tell what cannot be used."""
        return broken.inspect(FOLDER, Path(__file__), context)

    inspect()
