"""A night as Airflow runs it: tasks in order, each tried again with the same inputs until it has ended well."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.fault import Fault, Fired, Plan
from tests.chaos.lane import Lane
from tests.chaos.tries import PATIENCE_SECONDS, HarnessError, Outcome, Try

MAX_TRIES = 16
MAX_CLEARED = 40

# How a try ends whose transaction was cut off while it stood still.
_CUT_OFF = re.compile("idle-in-transaction|connection", re.IGNORECASE)

# Tasks that say the same, however often they are delivered.
_SAME = ("publish", "challenge", "end_challenge")

Json = dict[str, Any]


class TaskEnded(Exception):
    """A task ended without a value, and those after it do not run."""


@dataclass
class Night:
    """One DAG run of a lane's job, or one command `score`.

    Attributes:
        lane: where it runs.
        plan: what befalls its tasks.
        wakes: tries that stand still wake up when this stage is done, and at the end of the night.
        fired: the faults that have happened.
        wrong: endings that should not be.
        zombies: tries that stand still, or have lost their supervisor.
        finished: the tasks that are done, with what they were given and returned.
    """

    lane: Lane
    plan: Plan
    wakes: str = ""
    fired: list[Fired] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    zombies: list[Try] = field(default_factory=list)
    finished: list[tuple[str, Json, Outcome]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trigger = f"trigger {self.lane.job} {self.lane.next_number()}"

    def run(self) -> str:
        """Run the tasks until the night is published or ends; returns how the last task ended."""
        return self._cleared(self._run)

    def _cleared(self, run: Callable[[int], str]) -> str:
        """Run the night, and clear `extract` as often as its message says so."""
        for attempt in range(1, MAX_CLEARED):
            ended = run(attempt)
            if "DeploymentError" not in ended:
                break
        return ended

    def _run(self, attempt: int) -> str:
        try:
            run = self.single("extract", {"trigger": self.trigger, "attempt": attempt})
            work = self.single("load_model", {"run": run})
            scored = self.mapped("predict", [{"work": one} for one in work])
            written = self.mapped("write", [{"scored": one} for one in scored])
            verdict = self.single("log_metrics", {"run": run, "written": written})
            self.single("publish", {"run": run, "verdict": verdict})
        except TaskEnded as ended:
            return str(ended)
        if self.lane.challenged:
            self._challenge(run)
        return "published"

    def _challenge(self, run: Json) -> None:
        """Have the run's challenger score it; where it fails, a person clears its tasks until it has."""
        for _ in range(MAX_CLEARED):
            try:
                work = self.single("begin_challenge", {"run": run})
            except TaskEnded as ended:
                if "skipped" not in str(ended):
                    self.wrong.append(str(ended))
                return
            # Airflow gives it no second try, and `end_challenge` begins whatever has become of it.
            left = self._once("challenge", "challenge", {"work": work})
            self._wake_after("challenge")
            self.single("end_challenge", {"work": work, "left": left.value if left else None})
            if left is not None:
                return

    def score(self) -> str:
        """The whole night in one process, started again by a person until it has ended well."""
        return self._cleared(self._score)

    def _score(self, attempt: int) -> str:
        try:
            self.single("score", {})
        except TaskEnded as ended:
            # A try that was killed, or was not heard, may have published: what is published is looked at anyway.
            return "published" if "published the same input" in str(ended) else str(ended)
        return "published"

    def single(self, stage: str, given: Json) -> Any:
        """A task that is not mapped."""
        value = self.task(stage, stage, given)
        self._wake_after(stage)
        return value

    def mapped(self, stage: str, inputs: list[Json]) -> list[Any]:
        """A mapped task: its tries run side by side."""
        with ThreadPoolExecutor(len(inputs)) as threads:
            begun = [
                threads.submit(self.task, f"{stage} {number}", stage, given)
                for number, given in enumerate(inputs)
            ]
            values = [one.result() for one in begun]
        self._wake_after(stage)
        return values

    def task(self, name: str, stage: str, given: Json) -> Any:
        """Try a task until it is done; returns its value.

        Raises:
            TaskEnded: it was skipped, failed for good, or went wrong too often.
        """
        last = "killed"
        for _ in range(MAX_TRIES):
            outcome = self._once(name, stage, given)
            if outcome is not None and outcome.ended == "done":
                return outcome.value
            if outcome is not None and outcome.ended in ("skipped", "failed"):
                raise TaskEnded(f"{name}: {outcome.ended}: {outcome.error}")
            last = outcome.error if outcome else last
        raise TaskEnded(f"{name}: gave up after {MAX_TRIES} tries: {last}")

    def _once(self, name: str, stage: str, given: Json) -> Outcome | None:
        """One try of a task, with what befalls it; None where it was killed."""
        waiting = self.plan.get(name, [])
        fault = waiting.pop(0) if waiting else None
        outcome = self._try(stage, given, fault)
        if fault and fault.kind == "deploy" and outcome and fault.at not in outcome.seen:
            waiting.insert(0, fault)  # it was refused before it came there
        if outcome is not None and outcome.ended == "done":
            self.finished.append((stage, given, outcome))
        return outcome

    def _try(self, stage: str, given: Json, fault: Fault | None) -> Outcome | None:
        if fault is None:
            one = self._begin(stage, given)
            one.wait()
            return one.outcome()
        suffered: dict[str, Callable[[str, Json, Fault], Outcome | None]] = {
            "kill at boundary": self._killed_at,
            "kill at random": self._killed_after,
            "supervisor killed": self._orphaned,
            "zombie": self._stopped,
            "tries at once": self._at_once,
            "answer lost": self._answer_lost,
            "deploy": self._deployed,
        }
        return suffered[fault.kind](stage, given, fault)

    def _begin(self, stage: str, given: Json, **options: Any) -> Try:
        if stage == "score":
            # As the command line does: every start is a trigger of its own.
            given = {"trigger": f"command line {self.lane.next_number()}"}
        return self.lane.begin(stage, given, **options)

    def _wake_after(self, stage: str) -> None:
        if stage == self.wakes:
            self.wake()

    def _happened(self, fault: Fault, stage: str) -> None:
        self.fired.append(Fired(fault, stage))

    def _killed_at(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        one = self._begin(stage, given, act="kill", at=fault.at)
        one.wait()
        if one.killed:
            self._happened(fault, stage)
        return one.outcome()

    def _deployed(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        """Something else is deployed while the try is on; it goes on, or is refused."""
        one = self._begin(stage, given, act="deploy", at=fault.at)
        one.wait()
        outcome = one.outcome()
        if outcome is not None and fault.at in outcome.seen:
            self._happened(fault, stage)
        return outcome

    def _killed_after(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        one = self._begin(stage, given)
        if not one.ends_within(fault.fraction * self.lane.usual[stage]):
            one.kill()
            one.wait()
        outcome = one.outcome()
        if outcome is None:
            self._happened(fault, stage)
        return outcome

    def _orphaned(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        """The supervisor is killed, and the task is tried again while the orphan goes on."""
        one = self._begin(stage, given, supervised=True)
        one.ends_within(fault.fraction * self.lane.usual[stage])
        one.kill_supervisor()
        one.wait()
        if (outcome := one.outcome()) is not None or not one.lives:
            return outcome
        self._happened(fault, stage)
        self.zombies.append(one)
        if stage == "extract":
            self._begun_by(one)
        return None

    def _begun_by(self, orphan: Try) -> None:
        """Wait until an orphan has its run: Airflow misses heartbeats for minutes before it tries again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        query = "SELECT count(*) FROM scoring.scoring_runs WHERE job = :job AND trigger = :trigger"
        while orphan.outcome() is None and not self.lane.sql(query, trigger=self.trigger)[0]["count"]:
            if time.monotonic() > deadline:
                raise HarnessError(f"{orphan.request}: the orphan has begun no run")
            time.sleep(0.005)

    def _stopped(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        """The try stands still past its heartbeat, and is tried again meanwhile; it wakes up soon, or late."""
        one = self._begin(stage, given, act="stop", at=fault.at)
        if one.wait("stopped") == "ended":
            return one.outcome()
        self._happened(fault, stage)
        self.zombies.append(one)
        return None

    def _at_once(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        """Tries of one task run side by side; Airflow keeps the answer of the newest."""
        begun = [self._begin(stage, given) for _ in range(fault.tries)]
        for one in begun:
            one.wait()
        self._happened(fault, stage)
        outcomes = [outcome for one in begun if (outcome := one.outcome()) is not None]
        self.wrong += [
            f"{stage}, one of {fault.tries} tries at once: {outcome.ended}: {outcome.error}"
            for outcome in outcomes
            if outcome.ended not in ("done", "skipped")
        ]
        done = [outcome for outcome in outcomes if outcome.ended == "done"]
        newest = [outcome.value["run_id"] if stage in ("extract", "score") else 0 for outcome in done]
        return done[newest.index(max(newest))] if done else outcomes[-1]

    def _answer_lost(self, stage: str, given: Json, fault: Fault) -> Outcome | None:
        with self.lane.door(fault.ordinal) as door:
            one = self._begin(stage, given, predictions=door.uri)
            one.wait()
        if door.lost:
            self._happened(fault, stage)
        return one.outcome()

    def wake(self) -> None:
        """Let every try that stood still or lost its supervisor come to its end: it may change nothing any more."""
        for one in self.zombies:
            one.go_on()
            outcome = one.orphans_outcome()
            cut_off = outcome.ended == "error" and _CUT_OFF.search(outcome.error)
            if outcome.ended not in ("done", "skipped") and not cut_off:
                self.wrong.append(f"{one.request.stem}, woken up late: {outcome.error}")
        self.zombies.clear()

    def forget(self) -> None:
        """Kill what still stands still."""
        for one in self.zombies:
            one.kill()
        self.zombies.clear()

    def redeliver(self) -> None:
        """Deliver every finished task once more, as a broker may: nothing changes."""
        for stage, given, before in self.finished:
            outcome = self.lane.do(stage, given)
            self._happened(Fault("redelivered"), stage)
            same = stage not in _SAME or outcome.value == before.value
            if outcome.ended not in ("done", "skipped") or not same:
                self.wrong.append(
                    f"{stage}, delivered again: {outcome.ended}: {outcome.error or outcome.value}, first {before.value}"
                )
