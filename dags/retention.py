"""Once a day what has had its time goes, as each job's `[retention]` says.

Scores of runs that nobody reads any more, rejected rows, parts, and what killed tries left in the store. What is
published and in date stays, and so does a run that is still open. Neither readers nor a night wait for it; what is in
use is left for the next day. `python -m pipeline prune --dry-run` lists what would go.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Connection, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowFailException

from orchestration import credentials
from pipeline.config import loader, workspace
from pipeline.errors import ScoringError

log = logging.getLogger(__name__)


def _janitor(conn_id: str) -> str:
    from pipeline.databases import connections

    return connections.postgres(Connection.get(conn_id).get_uri(), conn_id)


with DAG(
    dag_id="scoring-retention",  # a job's name has no hyphen
    description="Throws away what has had its time: superseded scores, rejected rows, parts",
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
            description="Say in the log what would go, and touch nothing.",
        )
    },
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "queue": credentials.TASKS["prune"].queue,
        "pre_execute": lambda context: credentials.keep_needed("prune"),
    },
):

    @task
    def prune(**context: Any) -> dict[str, Any]:
        """Throw away what is due of every job, and say in the log what went."""
        from pipeline.maintenance import removed_jobs, retention

        folder = workspace.home() / "dags"
        usable, broken = loader.read_all(folder)
        for error in broken:
            log.warning("%s\nWhat that job has stays.", error)
        try:
            filed = [path.stem for path in loader.files(folder)]
            gone = removed_jobs.connections(_janitor, workspace.store(), usable, filed)
            dry_run = context["params"]["dry_run"]
            pruned = retention.prune(_janitor, workspace.store(), usable, gone, dry_run=dry_run)
        except ScoringError as error:
            raise AirflowFailException(str(error)) from error
        for item in pruned.gone:
            log.info("%s", item)
        for reason in pruned.postponed:
            log.warning("%s", reason)
        return {"items": len(pruned.gone), "rows": sum(item.rows or 0 for item in pruned.gone)}

    prune()
