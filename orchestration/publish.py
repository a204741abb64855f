"""Publish the run; one that its gate holds is left to the task `decide`, which waits for a person."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from orchestration import credentials, exporters, notify, openlineage
from orchestration._airflow import skip_tasks
from orchestration.context import outcome, workspace_of
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from pipeline.payloads import Publication, Run, Verdict

log = logging.getLogger(__name__)

# The task that waits for a person.
DECIDE = "decide"


class Announce(BaseOperator):
    """A task with which a run becomes public: it tells the DAGs and systems that wait for it.

    Args:
        job: what was scored.
        asset: whose event tells of the publication.
        **kwargs: as any operator takes them.
    """

    def __init__(self, *, job: Job, asset: Asset, **kwargs: Any) -> None:
        super().__init__(outlets=[asset], doc=self.__class__.__doc__, **kwargs)
        self.job, self.asset = job, asset
        self._published: tuple[Workspace, int] | None = None

    def announce(self, context: Context, publication: "Publication") -> dict[str, Any]:
        """Tell of a publication, and return it as the task's value."""
        value = publication.json_value()
        context["outlet_events"][self.asset].extra = value
        self._published = workspace_of(self.job, warehouse=True), publication.run_id
        exporters.send(self.job, publication.run_id, "published")
        return value

    def get_openlineage_facets_on_complete(self, _: Any) -> "OperatorLineage[Any, Any] | None":
        """What Airflow's OpenLineage provider asks for when the task has ended, in a process without connections."""
        if self._published is None:
            return None
        return openlineage.of_publication(self.job, *self._published)


class Publish(Announce):
    """Audit the run and show it to the analysts; tell the DAGs that wait for it.

    A run that its gate holds is not published: this task is skipped, and the task `decide` waits for a person. Of every
    other run `decide` is skipped, without a process.

    Args:
        extracted: what `extract` returned.
        verdict: what `log_metrics` returned.
        **kwargs: as `Announce` takes them.
    """

    template_fields = ("extracted", "verdict")

    def __init__(self, *, extracted: Any, verdict: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extracted, self.verdict = extracted, verdict

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish the run, or leave it to a person."""
        from pipeline.runs.publications import Held
        from pipeline.tasks.publish import publish

        with outcome():
            run, verdict = self._handed()
            try:
                publication = publish(workspace_of(self.job), self.job, run, verdict)
            except Held as held:
                self._hold(context, held)
            except NothingToDo:
                skip_tasks([DECIDE])
                raise
        skip_tasks([DECIDE])
        value = self.announce(context, publication)
        notify.notify_published(self.job, context, run, verdict)
        return value

    def _handed(self) -> "tuple[Run, Verdict]":
        from pipeline.payloads import Run, Verdict
        from pipeline.runs.code_version import read

        return read(Run, self.extracted), read(Verdict, self.verdict)

    def _hold(self, context: Context, held: ScoringError) -> None:
        run, verdict = self._handed()
        meanwhile = self._stand_in(context, run)
        page = context["ti"].log_url.partition("?")[0]
        form = f"{page.removesuffix('/publish')}/{DECIDE}/required_actions" if _waits(context) else page
        exporters.send(self.job, run.run_id, "held")
        notify.notify_held(self.job, context, run, verdict, meanwhile, form)
        if not _waits(context):
            raise held
        raise AirflowSkipException(str(held)) from held

    def _stand_in(self, context: Context, run: "Run") -> str:
        """Serve the job's fallback while the run waits; what analysts see meanwhile."""
        from pipeline.tasks.fallback import serve

        if self.job.fallback == "none":
            return "Analysts keep what they have."
        day, trigger = run.score_date, context["dag_run"].run_id
        try:
            reason = f"run {run.run_id} is held"
            workspace = workspace_of(self.job, warehouse=True)
            with credentials.hidden():  # the job may have another model score
                served = serve(workspace, self.job, day, trigger=trigger, reason=reason)
            log.warning("%s", served)
            return f"{served}."
        except ScoringError as error:
            log.error("no fallback: %s", error)
            return f"Analysts keep what they have; the fallback failed: {error}"


def _waits(context: Context) -> bool:
    """A backfill does not wait: a few held runs would hold all the others up. Clearing the task asks all the same."""
    run = context["dag_run"]
    return run.run_type != "backfill" or bool(run.clear_number)
