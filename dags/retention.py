"""Once a day this removes what has had its time, as each job's `[retention]` says.

These are scores of runs that nobody reads any more, rejected rows, parts, and what killed tries left in the store. What
is published and in date stays, and so does an open run. Neither readers nor runs wait for it. What is in use is left
for the next day. `scoring prune --dry-run` lists what would go.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from orchestration import credentials, steps
from orchestration.kubernetes import pods

with DAG(
    dag_id="scoring-retention",  # a job's name has no hyphen
    description="Removes what has had its time: superseded scores, rejected rows, parts",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 12 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["scoring"],
    params={
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Log what would go, and touch nothing.",
        )
    },
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "queue": credentials.TASKS["prune"].queue,
        "pre_execute": lambda context: credentials.keep_needed("prune"),
    },
) as dag:

    @task
    def prune(**context: Any) -> dict[str, Any]:
        """Remove what is due of every job, and log what went."""
        return steps.prune(context)

    prune()

pods.place(dag)
