"""What we use of Airflow that it does not call public, in one place; seen to work with Airflow 3.3.2.

Where a later Airflow has it no more, tests/dags/test_airflow.py says so in a sentence, and the remedy belongs here.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from airflow.sdk import DAG
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection, SkipDownstreamTasks
from airflow.sdk.execution_time.hitl import HITLUser, upsert_hitl_detail
from airflow.sdk.observability.stats import gauge, incr, normalize_name_for_stats

SEEN_WITH = "3.3.2"


class UnusableDAG(DAG):
    """A DAG that claims to come from another file, and fails when Airflow serializes it.

    Airflow keeps one import error a file, and lets no DAG of that file run.
    """

    claimed_file: str
    error: Exception

    @property
    def relative_fileloc(self) -> str:
        """The file that it claims to come from; Airflow would say the one that made it."""
        return self.claimed_file

    @relative_fileloc.setter
    def relative_fileloc(self, _: str | None) -> None: ...

    def get_serialized_fields(self) -> Any:  # type: ignore[override]
        """Fail with its error."""
        raise self.error


def ask_person(
    task: UUID, subject: str, body: str, *, options: list[str], params: dict[str, Any], names: Sequence[str]
) -> None:
    """Ask under Required Actions, where a task waits for an answer; a question that was answered is asked anew.

    Args:
        task: id of the task instance.
        subject: the question.
        body: what a person has to know, as Markdown.
        options: the answers to choose from.
        params: the fields of the form, serialized.
        names: who may answer; everybody who may act on the DAG where there are none.
    """
    upsert_hitl_detail(
        ti_id=task,
        options=options,
        subject=subject,
        body=body,
        params=params,
        assigned_users=[HITLUser(id=name, name=name) for name in names],
    )


def skip_tasks(names: Sequence[str]) -> None:
    """Skip tasks downstream, as `DownstreamTasksSkipped` would, which an operator that returns a value cannot raise."""
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    SUPERVISOR_COMMS.send(SkipDownstreamTasks(tasks=[*names]))


def is_unanswered(conn_id: str) -> bool:
    """Whether nobody could be asked for a connection: Airflow then says that there is none, too."""
    from airflow.sdk.execution_time import task_runner

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    answer = supervisor.send(GetConnection(conn_id=conn_id)) if supervisor else None
    return isinstance(answer, ErrorResponse) and answer.error is not ErrorType.CONNECTION_NOT_FOUND


def sensitive_settings() -> list[tuple[str, str]]:
    """Section and key of every setting of Airflow's that holds a credential."""
    return list(conf.sensitive_config_values)


def send_gauge(name: str, value: float) -> None:
    """Send a number to where Airflow sends its own, under a name that any such place takes."""
    gauge(normalize_name_for_stats(name, log_warning=False), value)


def send_count(name: str) -> None:
    """Count one more, where Airflow sends its own numbers."""
    incr(name)
