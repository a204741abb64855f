"""A held run waits here until a person has decided; nothing else under Airflow holds the credential to publish it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, Param, TriggerRule
from airflow.sdk.exceptions import TaskAwaitingInput

from orchestration import credentials, exporters, notify
from orchestration._airflow import ask_person
from orchestration.context import connection, outcome, workspace_of
from orchestration.publish import DECIDE, Announce
from pipeline.errors import NothingToDo

if TYPE_CHECKING:
    from pipeline.payloads import HeldRun

log = logging.getLogger(__name__)

APPROVE, REJECT = "Approve", "Reject"
# Nobody tells the task of a decision that was taken on the command line: it looks by itself, ever more rarely.
_FIRST_LOOK, _LATER_LOOKS = timedelta(seconds=15), 0.1
# After this share of the time people are reminded, once.
_REMIND_AFTER = 0.75
_TRIES = 3


class Decide(Announce):
    """Wait for a person to approve or reject the run that `publish` held, and do so in that person's name.

    The task waits in Airflow's state `awaiting_input`: without a process, a pool's slot or the triggerer. The
    api-server wakes it with an answer, the scheduler when it is time to look again. What it asks comes from the
    predictions database, where a held run cannot change, and not from the tasks before it.

    Args:
        **kwargs: as `Announce` takes them.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            queue=credentials.TASKS[DECIDE].queue,
            # Airflow 3.3.2 takes an answer in the very moment of a pause for a failure: the next try asks again, or
            # announces what has been decided.
            retries=max(kwargs["job"].retries, _TRIES),
            retry_delay=_FIRST_LOOK,
            retry_exponential_backoff=False,
            # After a `publish` that was skipped, and not after a run without rows, which skips all of them.
            trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask whether to publish the run, unless that has been decided elsewhere."""
        from pipeline.inspection import review
        from pipeline.runs.publications import Held, published

        url = workspace_of(self.job).predictions
        with outcome():
            run = review.of_trigger(url, self.job.name, context["dag_run"].run_id)
            if run is None:
                raise NothingToDo("no run of this DAG run was held: nothing to decide")
            try:
                return self.announce(context, published(url, run.run_id))
            except Held as held:
                log.warning("%s", held)
                self._ask(context, run)
        hours = timedelta(hours=self.job.gate.decide_within_hours)
        raise self._waiting(run.run_id, datetime.now(UTC) + hours, reminded=False)

    def decided(
        self, context: Context, event: dict[str, Any], run_id: int, until: str, reminded: bool
    ) -> dict[str, Any]:
        """Go on after an answer, or after a while without one: a run may be decided on elsewhere, too.

        Args:
            context: of the task.
            event: the answer, or an error where there is none yet.
            run_id: the held run.
            until: when the job's `gate.on_timeout` decides.
            reminded: whether people have been reminded.
        """
        from pipeline.runs import receipts
        from pipeline.runs.publications import Held, Rejected, published

        deadline, now = datetime.fromisoformat(until), datetime.now(UTC)
        with outcome():
            if "error" not in event:
                self._answered(context, event, run_id)
            elif now >= deadline:
                hours = f"{self.job.gate.decide_within_hours:g} hours"
                approve = self.job.gate.on_timeout == "approve"
                self._decide(run_id, approve, "gate.on_timeout", f"nobody decided within {hours}")
            receipts.follow(workspace_of(self.job).predictions, workspace_of(self.job).store, self.job.name)
            try:
                return self.announce(context, published(workspace_of(self.job).predictions, run_id))
            except Held as held:
                log.info("nobody has decided yet: %s", held)
                notify.send_kept(self.job)  # nobody decides on a run that nobody was told of
            except Rejected:
                exporters.send(self.job, run_id, "rejected")
                raise
            if not reminded and now >= self._reminder(deadline):
                notify.notify_waiting(self.job, context, self._run(run_id), deadline, _form(context))
                reminded = True
        raise self._waiting(run_id, deadline, reminded=reminded)

    def _run(self, run_id: int) -> "HeldRun":
        from pipeline.inspection import review

        return review.read(workspace_of(self.job).predictions, run_id)

    def _ask(self, context: Context, run: "HeldRun") -> None:
        from pipeline.inspection import review
        from pipeline.tasks import fallback

        url = workspace_of(self.job).predictions
        report = f"{context['ti'].log_url.partition('/tasks/')[0]}/plugin/report"
        meanwhile = fallback.meanwhile(url, self.job, run.score_date)
        # Airflow itself refuses who is not assigned; where nobody is, everybody may answer who may act on the DAG.
        triggered_by = context["dag_run"].triggering_user_name if self.job.gate.four_eyes else None
        deciders = self.job.gate.deciders
        assigned = [name for name in deciders if name != triggered_by] or deciders
        ask_person(
            context["ti"].id,
            f"{run.job} {run.score_date}: run {run.run_id} is held. Publish it?",
            review.describe(url, self.job, run, meanwhile, report),
            options=[APPROVE, REJECT],
            params={"reason": _REASON.serialize()},
            names=assigned,
        )

    def _answered(self, context: Context, event: dict[str, Any], run_id: int) -> None:
        from pipeline.runs.decisions import DeciderError, require_decider

        user = event["responded_by_user"] or {}
        name, user_id = user.get("name") or "unknown", user.get("id") or "unknown"
        reason = str((event["params_input"] or {}).get("reason") or "").strip()
        if not any(map(str.isalnum, reason)):  # which `decide` refuses, and nobody could answer again
            reason = "no reason given"
        try:
            triggered_by = context["dag_run"].triggering_user_name
            require_decider(self.job, name, names=(user_id,), triggered_by=triggered_by)
        except DeciderError as refusal:
            log.warning("the answer does not count, and is asked for again: %s", refusal)
            run = self._run(run_id)
            self._ask(context, run)  # takes the answer back
            notify.notify_refused(self.job, context, run, str(refusal), _form(context))
        else:
            self._decide(run_id, event["chosen_options"] == [APPROVE], name, reason)

    def _decide(self, run_id: int, approve: bool, by: str, reason: str) -> None:
        from pipeline.databases import connections
        from pipeline.runs.decisions import decide
        from pipeline.runs.publications import NotHeld

        conn_id = f"{self.job.write.connection}_approver"
        approver = connections.postgres(connection(conn_id).get_uri(), conn_id)
        try:
            decide(approver, run_id, approve=approve, by=by, reason=reason)
            log.info("run %s: %s by %s: %s", run_id, "approved" if approve else "rejected", by, reason)
        except NotHeld as error:
            log.warning("somebody else was first: %s", error)

    def _reminder(self, deadline: datetime) -> datetime:
        return deadline - (1 - _REMIND_AFTER) * timedelta(hours=self.job.gate.decide_within_hours)

    def _waiting(self, run_id: int, until: datetime, *, reminded: bool) -> TaskAwaitingInput:
        now = datetime.now(UTC)
        asked = until - timedelta(hours=self.job.gate.decide_within_hours)
        due = until if reminded else self._reminder(until)
        pause = max(_FIRST_LOOK, _LATER_LOOKS * (now - asked))
        return TaskAwaitingInput(
            method_name="decided",
            kwargs={"run_id": run_id, "until": until.isoformat(), "reminded": reminded},
            timeout=max(min(pause, due - now), timedelta()),
        )


_REASON = Param(
    "", type="string", minLength=1, maxLength=2000, title="Reason", description="Why; kept with the run."
)


def _form(context: Context) -> str:
    return f"{context['ti'].log_url.partition('?')[0]}/required_actions"
