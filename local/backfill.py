"""Have the scheduler run nights as a backfill, and watch it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from zoneinfo import ZoneInfo

from local.airflow import Airflow
from local.processes import LocalError
from local.rest import FINISHED, Json, Rest

TASKS = ("extract", "load_model", "predict", "write", "log_metrics", "publish")

PARSED_SECONDS = 90
DONE_SECONDS = 900

_DONE = ("success", "skipped")


@dataclass(frozen=True)
class Night:
    """One run of the backfill, as far as it has come.

    Attributes:
        day: the local day of its logical date.
        state: Airflow's state of the run.
        seconds: since it started, until now or its end.
        tasks: task -> words for its state.
    """

    day: date
    state: str
    seconds: float
    tasks: dict[str, str]


def run(
    airflow: Airflow, dag_id: str, days: Sequence[date], zone: ZoneInfo, show: Callable[[list[Night]], None]
) -> list[Night]:
    """Run a DAG for some days, one after the other or together as Airflow likes, and wait for the end.

    Days that ran before run again.

    Args:
        airflow: a ready Airflow.
        dag_id: the DAG.
        days: the days, in order and without gaps.
        zone: the job's time zone, in which the days begin and end.
        show: called with every change.

    Raises:
        LocalError: a night failed, or the DAG is not there; the message holds what was logged last.
    """
    first = datetime.combine(days[0], clock.min, zone)
    last = datetime.combine(days[-1], clock.max, zone)
    with airflow.rest() as rest:
        await_dag(airflow, rest, dag_id)
        _clear_away(rest, dag_id, first, last)
        rest.backfill(dag_id, first, last, reprocess_behavior="completed", max_active_runs=len(days))
        nights = _watch(airflow, rest, dag_id, (first, last), zone, show)
        if failed := [night for night in nights if night.state == "failed"]:
            raise LocalError(_explain(rest, dag_id, first, last, failed))
    return nights


def await_dag(airflow: Airflow, rest: Rest, dag_id: str) -> None:
    """Wait until the DAG is there as its files are now, and let it run.

    Raises:
        LocalError: its files cannot be read, or it does not appear.
    """
    deadline = time.monotonic() + PARSED_SECONDS
    while (dag := rest.dag(dag_id)) is None or _time(dag["last_parsed_time"]) < airflow.started:
        airflow.check()
        # What an earlier start said of the same file does not count, nor what is wrong with other jobs.
        errors = rest.import_errors(since=airflow.started)
        for name in {f"{dag_id}.toml", "scoring.py"} & set(errors):
            raise LocalError(f"{airflow.place.dags / name}:\n{errors[name]}")
        if time.monotonic() > deadline:
            raise LocalError(f"Airflow found no DAG {dag_id} in {airflow.place.dags} in {PARSED_SECONDS} s.")
        time.sleep(0.2)
    rest.unpause(dag_id)


def _clear_away(rest: Rest, dag_id: str, first: datetime, last: datetime) -> None:
    """End what an interrupted demo left: Airflow starts no second backfill beside it, and waits for dead tasks."""
    rest.cancel_backfills(dag_id)
    for left in rest.runs(dag_id, **_span(first, last)):
        if left["state"] not in FINISHED:
            rest.fail(dag_id, left["dag_run_id"])


def _watch(
    airflow: Airflow,
    rest: Rest,
    dag_id: str,
    span: tuple[datetime, datetime],
    zone: ZoneInfo,
    show: Callable[[list[Night]], None],
) -> list[Night]:
    deadline = time.monotonic() + DONE_SECONDS
    while True:
        airflow.check()
        tasks = rest.tasks(dag_id, "~", **_span(*span))
        nights = [
            _night(run, [task for task in tasks if task["dag_run_id"] == run["dag_run_id"]], zone)
            for run in rest.runs(dag_id, **_span(*span))
        ]
        show(nights)
        if nights and all(night.state in FINISHED for night in nights):
            return nights
        if time.monotonic() > deadline:
            raise LocalError(f"the nights have not ended after {DONE_SECONDS} s. Logs: {airflow.place.logs}")
        time.sleep(0.25)


def _span(first: datetime, last: datetime) -> dict[str, str]:
    return {"logical_date_gte": first.isoformat(), "logical_date_lte": last.isoformat()}


def _night(run: Json, tasks: list[Json], zone: ZoneInfo) -> Night:
    begin, end = (_time(run[key]) if run[key] else None for key in ("start_date", "end_date"))
    seconds = ((end or datetime.now(zone)) - begin).total_seconds() if begin else 0.0
    return Night(
        day=_time(run["logical_date"]).astimezone(zone).date(),
        state=run["state"],
        seconds=seconds,
        tasks={name: _words([task["state"] for task in tasks if task["task_id"] == name]) for name in TASKS},
    )


def _words(states: list[str | None]) -> str:
    """State of a task and its mapped copies: the worst that is true of one, else how many are done."""
    for word in ("failed", "upstream_failed", "up_for_retry"):
        if word in states:
            return word.replace("_", " ")
    done = sum(state in _DONE for state in states)
    if done == len(states) > 0:
        return "skipped" if set(states) == {"skipped"} else f"done {done}" if done > 1 else "done"
    if done or "running" in states:
        return f"running {done}/{len(states)}" if len(states) > 1 else "running"
    return "queued" if "queued" in states else ""


def _explain(rest: Rest, dag_id: str, first: datetime, last: datetime, failed: list[Night]) -> str:
    """Which nights failed, and what the first of them logged last."""
    failures = [f"{len(failed)} night(s) failed: {', '.join(str(night.day) for night in failed)}"]
    run_id = rest.runs(dag_id, state="failed", **_span(first, last))[0]["dag_run_id"]
    for task in rest.tasks(dag_id, run_id):
        if task["state"] == "failed":
            name = task["task_id"]
            lines = rest.log(dag_id, run_id, name, task["try_number"], task["map_index"])
            lines = [line for line in lines if not line.startswith("::")]
            return "\n".join([*failures, f"The end of the log of task {name} of {run_id}:", *lines[-15:]])
    return "\n".join(failures)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
