"""Have the scheduler run a job's DAG for score dates, one after the other, and measure their outcomes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from local.airflow import Airflow
from local.processes import LocalError
from local.rest import FINISHED, Json, Rest

TASKS = ("extract", "load_model", "predict", "write", "log_metrics", "publish", "decide")
# Words for a held run's task: it waits for a person.
WAITS = "waits"

PARSED_SECONDS = 300
DONE_SECONDS = 900

_DONE = ("success", "skipped")
_AWAITS = "awaiting_input"

Show = Callable[[Sequence["DagRun"]], None]


@dataclass(frozen=True)
class DagRun:
    """One run of the DAG, as far as it has come.

    Attributes:
        score_date: what it scores.
        name: Airflow's id of it.
        state: Airflow's state of it.
        seconds: since it started, until now or its end.
        tasks: task -> words for its state.
    """

    score_date: date
    name: str
    state: str
    seconds: float
    tasks: dict[str, str]

    @property
    def settled(self) -> bool:
        """Whether nothing more comes of it by itself: it has ended, or waits for a person."""
        return self.state in FINISHED or self.tasks["decide"] == WAITS

    @property
    def written(self) -> bool:
        """Whether all of its scores are written, or none will be."""
        return self.settled or self.tasks["write"].startswith(("done", "skipped"))

    @property
    def published(self) -> bool:
        """Whether its task `publish` has published something, also before the run ends."""
        return self.tasks["publish"] == "done"


def run(
    airflow: Airflow, job: str, score_dates: Sequence[date], show: Show, *, measure: Sequence[date] = ()
) -> None:
    """Score some dates, and measure the outcomes of what was published; wait for the end.

    A date is begun when the scores of the one before are written: so runs get their numbers in this order on any
    machine, and each finds the one before published when it looks for the last run, four tasks later.

    Args:
        airflow: a ready Airflow.
        job: the job; its second DAG measures outcomes.
        score_dates: what to score, in this order.
        show: called with every change.
        measure: further dates whose outcomes to measure, of earlier runs.

    Raises:
        LocalError: a run failed, or the DAG is not there; the message holds what was logged last.
    """
    outcomes = f"{job}-outcomes"
    with airflow.rest() as rest:
        for dag_id in (job, outcomes):
            await_dag(airflow, rest, dag_id)
            _clear_away(rest, dag_id, [*score_dates, *measure])
        runs: list[DagRun] = []
        measured = {score_date: _trigger(rest, outcomes, score_date) for score_date in measure}
        waiting = list(score_dates)
        for _ in _watched(airflow, rest, job, runs, show):
            for one in runs:
                if one.published and one.score_date not in measured:
                    measured[one.score_date] = _trigger(rest, outcomes, one.score_date)
            if waiting and (not runs or runs[-1].written):
                name = _trigger(rest, job, waiting[0])
                if not runs:  # while the scheduler loads what its first task needs
                    rest.warm_up()
                runs.append(DagRun(waiting.pop(0), name, "queued", 0.0, dict.fromkeys(TASKS, "")))
        for name in measured.values():
            if rest.wait(outcomes, name, DONE_SECONDS)["state"] == "failed":
                raise LocalError(_explain(rest, outcomes, name))


def await_dag(airflow: Airflow, rest: Rest, dag_id: str) -> None:
    """Wait until the DAG is there as its files are now, and let it run.

    Raises:
        LocalError: its files cannot be read, or it does not appear.
    """
    deadline = time.monotonic() + PARSED_SECONDS
    job = dag_id.partition("-")[0]
    while (dag := rest.dag(dag_id)) is None or _time(dag["last_parsed_time"]) < airflow.started:
        airflow.check()
        # What an earlier start said of the same file does not count, nor what is wrong with other jobs.
        errors = rest.import_errors(since=airflow.started)
        for name in {f"{job}.toml", "scoring.py", "outcomes.py"} & set(errors):
            raise LocalError(f"{airflow.place.dags / name}:\n{errors[name]}")
        if time.monotonic() > deadline:
            raise LocalError(f"Airflow found no DAG {dag_id} in {airflow.place.dags} in {PARSED_SECONDS} s.")
        time.sleep(0.2)
    rest.unpause(dag_id)


def _trigger(rest: Rest, dag_id: str, score_date: date) -> str:
    return rest.trigger(dag_id, conf={"score_date": score_date.isoformat()})


def _clear_away(rest: Rest, dag_id: str, score_dates: Sequence[date]) -> None:
    """End what an interrupted demo left, whose tasks are dead."""
    asked = {score_date.isoformat() for score_date in score_dates}
    for state in ("queued", "running"):
        for left in rest.runs(dag_id, state=state):
            if (left["conf"] or {}).get("score_date") in asked:
                rest.fail(dag_id, left["dag_run_id"])


def _watched(airflow: Airflow, rest: Rest, job: str, runs: list[DagRun], show: Show) -> Iterator[None]:
    """Bring the runs that go on up to date, again and again until all are settled; the caller may add some."""
    deadline = time.monotonic() + DONE_SECONDS
    while True:
        airflow.check()
        for number, one in enumerate(runs):
            if not one.settled:
                runs[number] = _now(rest, job, one)
            if runs[number].state == "failed":
                raise LocalError(f"{one.score_date} failed.\n{_explain(rest, job, one.name)}")
        show(runs)
        yield
        if all(one.settled for one in runs):
            return
        if time.monotonic() > deadline:
            raise LocalError(f"the runs have not ended after {DONE_SECONDS} s. Logs: {airflow.place.logs}")
        time.sleep(1)


def _now(rest: Rest, job: str, one: DagRun) -> DagRun:
    """A run as far as it has come; each question costs the api-server time that the tasks need."""
    tasks = rest.tasks(job, one.name)
    words = {name: _words([task["state"] for task in tasks if task["task_id"] == name]) for name in TASKS}
    over = words["publish"] in ("done", "skipped", "failed", "upstream failed")
    state = str(rest.run(job, one.name)["state"]) if over else "running"
    return replace(one, state=state, seconds=_seconds(tasks, ended=state in FINISHED), tasks=words)


def _seconds(tasks: Sequence[Json], *, ended: bool) -> float:
    """From the start of the first task to the end of the last, or until now."""
    begun = [_time(task["start_date"]) for task in tasks if task["start_date"]]
    if not begun:
        return 0.0
    ends = [_time(task["end_date"]) for task in tasks if task["end_date"]]
    return ((max(ends) if ended and ends else datetime.now(UTC)) - min(begun)).total_seconds()


def _words(states: list[str | None]) -> str:
    """State of a task and its mapped copies: the worst that is true of one, else how many are done."""
    for word in ("failed", "upstream_failed", "up_for_retry"):
        if word in states:
            return word.replace("_", " ")
    if _AWAITS in states:
        return WAITS
    done = sum(state in _DONE for state in states)
    if done == len(states) > 0:
        return "skipped" if set(states) == {"skipped"} else f"done {done}" if done > 1 else "done"
    if done or "running" in states:
        return f"{done}/{len(states)}" if len(states) > 1 else "running"
    return "queued" if "queued" in states else ""


def _explain(rest: Rest, dag_id: str, run_id: str) -> str:
    """What the task of a run that failed logged last."""
    for task in rest.tasks(dag_id, run_id):
        if task["state"] == "failed":
            name = task["task_id"]
            lines = rest.log(dag_id, run_id, name, task["try_number"], task["map_index"])
            lines = [line for line in lines if not line.startswith("::")]
            return "\n".join([f"The end of the log of task {name} of {run_id}:", *lines[-15:]])
    return f"No task of {run_id} failed."


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
