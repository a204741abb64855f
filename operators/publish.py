"""The last task of a night: publish the run; one that its gate holds waits here until a person has decided."""

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator, Context, Param
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from operators import credentials, lineage, numbers, telling
from operators.stage import outcome, places_of
from pipeline.errors import ScoringError
from pipeline.job import Job
from pipeline.places import Places

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from pipeline.stage import Run, Verdict

log = logging.getLogger(__name__)

APPROVE, REJECT = "Approve", "Reject"
# Nobody tells the task of a decision that was taken on the command line: it looks by itself, ever more rarely.
_FIRST_LOOK, _LATER_LOOKS = timedelta(seconds=15), 0.1


class Publish(BaseOperator):
    """Audit the run and show it to the analysts; tell the DAGs that wait for it.

    A held run waits for its decision in this very task, in Airflow's state `awaiting_input`: without a process,
    a pool's slot or the triggerer, and at no cost to a night that passes. The api-server wakes the task with a
    person's answer, the scheduler when it is time to look again.

    Args:
        job: what was scored.
        asset: whose event tells of the publication.
        extracted: what `extract` returned.
        verdict: what `log_metrics` returned.
        **kwargs: as any operator takes them.
    """

    template_fields = ("extracted", "verdict")

    def __init__(self, *, job: Job, asset: Asset, extracted: Any, verdict: Any, **kwargs: Any) -> None:
        super().__init__(outlets=[asset], doc=self.__class__.__doc__, **kwargs)
        self.job, self.asset, self.extracted, self.verdict = job, asset, extracted, verdict
        self._published: Places | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the run, or ask whether to."""
        from pipeline.write import Held

        with outcome():
            try:
                publication = self._publish(context)
            except Held as held:
                meanwhile = self._stand_in(context)
                self._tell_held(context, meanwhile)
                if not _waits(context):
                    raise
                self._ask(context, held, meanwhile)
            else:
                telling.tell_published(self.job, context, *self._handed())
                return publication
        raise self._waiting(datetime.now(UTC) + timedelta(hours=self.job.gate.decide_within_hours))

    def decided(self, context: Context, event: dict[str, Any], until: str) -> dict[str, Any]:
        """Go on after an answer, or after a while without one: a run may be decided on elsewhere, too.

        Args:
            context: of the task.
            event: the answer, or an error where there is none yet.
            until: when the job's `gate.on_timeout` decides.
        """
        from pipeline.write import Held, Rejected

        deadline = datetime.fromisoformat(until)
        with outcome():
            if "error" not in event:
                self._decide(event["chosen_options"] == [APPROVE], *_said(event))
            elif datetime.now(UTC) >= deadline:
                hours = f"{self.job.gate.decide_within_hours:g} hours"
                approve = self.job.gate.on_timeout == "approve"
                self._decide(approve, "gate.on_timeout", f"nobody decided within {hours}")
            try:
                return self._publish(context)
            except Held as held:
                log.info("nobody has decided yet: %s", held)
            except Rejected:
                numbers.send(self.job, self._handed()[0].run_id, "rejected")
                raise
        raise self._waiting(deadline)

    def get_openlineage_facets_on_complete(self, _: Any) -> "OperatorLineage[Any, Any] | None":
        """What Airflow's OpenLineage provider asks for when the task has ended, in a process without connections."""
        if self._published is None:
            return None
        return lineage.of_publication(self.job, self._published, self._handed()[0].run_id)

    def _publish(self, context: Context) -> dict[str, Any]:
        from pipeline.write import publish

        run, verdict = self._handed()
        publication = publish(places_of(self.job), run, verdict).json_value()
        context["outlet_events"][self.asset].extra = publication
        self._published = places_of(self.job)
        numbers.send(self.job, run.run_id, "published")
        return publication

    def _handed(self) -> "tuple[Run, Verdict]":
        from pipeline.stage import Run, Verdict

        return Run.read(self.extracted), Verdict.read(self.verdict)

    def _tell_held(self, context: Context, meanwhile: str) -> None:
        run, verdict = self._handed()
        page = context["ti"].log_url.partition("?")[0]
        form = f"{page}/required_actions" if _waits(context) else page
        numbers.send(self.job, run.run_id, "held")
        telling.tell_held(self.job, context, run, verdict, meanwhile, form)

    def _stand_in(self, context: Context) -> str:
        """Serve the job's fallback while the run waits; what analysts see meanwhile."""
        from pipeline.fallback import serve

        if self.job.fallback == "none":
            return "Analysts keep what they have."
        run, trigger = self._handed()[0], context["dag_run"].run_id
        night = datetime.fromisoformat(run.score_date).date()
        try:
            reason = f"run {run.run_id} is held"
            workspace = places_of(self.job)
            with credentials.hidden():  # the job may have another model score
                return f"{serve(workspace, self.job, night, trigger=trigger, reason=reason)}."
        except ScoringError as error:
            log.error("no fallback: %s", error)
            return f"Analysts keep what they have; the fallback failed: {error}"

    def _ask(self, context: Context, held: ScoringError, meanwhile: str) -> None:
        from pipeline.hold import describe

        run, verdict = self._handed()
        log.warning("%s", held)
        uri, report = (
            places_of(self.job).predictions,
            f"{context['ti'].log_url.partition('/tasks/')[0]}/plugin/report",
        )
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=[APPROVE, REJECT],
            subject=f"{run.job} {run.score_date}: run {run.run_id} is held. Publish it?",
            body=describe(uri, self.job.gate, run, verdict, meanwhile, report),
            params={"reason": _REASON.serialize()},
        )

    def _decide(self, approve: bool, by: str, reason: str) -> None:
        from pipeline.ledger import LedgerError
        from pipeline.write import decide

        run, _ = self._handed()
        try:
            decide(places_of(self.job).predictions, run.run_id, approve=approve, by=by, reason=reason)
            log.info("run %s: %s by %s: %s", run.run_id, "approved" if approve else "rejected", by, reason)
        except LedgerError as error:
            log.warning("somebody else was first: %s", error)

    def _waiting(self, until: datetime) -> TaskAwaitingInput:
        now = datetime.now(UTC)
        asked = until - timedelta(hours=self.job.gate.decide_within_hours)
        pause = max(_FIRST_LOOK, _LATER_LOOKS * (now - asked))
        return TaskAwaitingInput(
            method_name="decided",
            kwargs={"until": until.isoformat()},
            timeout=max(min(pause, until - now), timedelta()),
        )


_REASON = Param("", type="string", minLength=1, title="Reason", description="Why; kept with the run.")


def _waits(context: Context) -> bool:
    """A backfill does not wait: a few held nights would hold all the others up. Clearing the task asks all the same."""
    run = context["dag_run"]
    return run.run_type != "backfill" or bool(run.clear_number)


def _said(event: dict[str, Any]) -> tuple[str, str]:
    user, reason = event["responded_by_user"] or {}, (event["params_input"] or {}).get("reason")
    return user.get("name") or "unknown", str(reason or "").strip() or "no reason given"
