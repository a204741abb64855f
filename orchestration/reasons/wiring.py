"""The tasks in which a run's scores are explained, after it is published or held."""

from typing import Any

from airflow.sdk import TriggerRule, task

from orchestration.aside import tasks as aside
from orchestration.reasons import tasks
from pipeline.config.aside.reasons_section import ReasonsSection
from pipeline.config.job import Job

Json = dict[str, Any]


def explain(job: Job, section: ReasonsSection, *, run: Any, published: Any) -> None:
    """Add the tasks to the DAG that is being built.

    Nothing waits for them, and the last one ends well whatever became of the others: no run fails for its reasons.

    Args:
        job: whose DAG it is.
        section: of its file.
        run: what `extract` returns.
        published: the task `publish`.
    """

    # Also after a hold, of which `publish` is skipped: whoever decides may ask why. Not after a run without rows.
    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **aside.options())
    def begin_reasons(run: Json, **context: Any) -> list[Json]:
        """Note that the run is being explained, and hand out its parts."""
        return tasks.begin(job, context, run)

    # A second try would have as much time again, which the next run of a backfill waits for.
    @task(retries=0, **aside.with_model(tasks.EXPLAIN, section.time_limit_minutes))
    def explain(work: Json, **context: Any) -> Json:
        """Find the reasons of one part's scores, by the run's model, in a process of its own."""
        return tasks.explain(context, work)

    @task(trigger_rule=TriggerRule.ALL_DONE, **aside.options())
    def end_reasons(**context: Any) -> None:
        """Keep what was found, for analysts to see with the scores."""
        tasks.end(job, context)

    begun: Any = begin_reasons(run)
    published >> begun
    explain.expand(work=begun) >> end_reasons()
