"""The tasks in which another version scores the same rows, after a run is published or held."""

from typing import Any

from airflow.sdk import TriggerRule, task

from orchestration.aside import tasks as aside
from orchestration.challenger import tasks
from pipeline.config.challenger_section import ChallengerSection
from pipeline.config.job import Job

Json = dict[str, Any]


def challenge(job: Job, section: ChallengerSection, *, run: Any, published: Any) -> None:
    """Add the tasks to the DAG that is being built.

    Nothing waits for them, and the last one ends well whatever became of the others: no run fails for its challenger.

    Args:
        job: whose DAG it is.
        section: of its file.
        run: what `extract` returns.
        published: the task `publish`.
    """

    # Also after a hold, of which `publish` is skipped; not after a run without rows, which skips all.
    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **aside.options())
    def begin_challenge(run: Json, **context: Any) -> Json:
        """Choose the challenger of the run, and note that it begins."""
        return tasks.begin(job, context, run)

    # A second try would have as much time again, which the next run of a backfill waits for.
    @task(retries=0, **aside.with_model(tasks.SCORE, section.time_limit_minutes))
    def challenge(work: Json, **context: Any) -> Json:
        """Score the run's parts once more, by the challenger, in a process of its own; nobody is shown that."""
        return tasks.challenge(job, context, work)

    @task(trigger_rule=TriggerRule.ALL_DONE, **aside.options())
    def end_challenge(**context: Any) -> None:
        """Note what became of the challenger, for the day on which outcomes are known."""
        tasks.end(job, context)

    begun: Any = begin_challenge(run)
    published >> begun
    challenge(begun) >> end_challenge()
