"""What a person reads who decides on a held run, as Markdown: why it is held, and what publishing it would change."""

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres, statements
from pipeline.errors import ScoringError
from pipeline.inspection import diff
from pipeline.integrations.messages import TIMED_OUT, listed
from pipeline.payloads import Finding, HeldRun
from pipeline.plain_text import line

_SQL = statements.load("inspection/review")
_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"


def of_trigger(database_url: str, job: str, trigger: str) -> HeldRun | None:
    """The last run that a trigger began, where it is held or a person has decided on it; else None."""
    return _find(database_url, _SQL["of_trigger"], job=job, trigger=trigger)


def read(database_url: str, run_id: int) -> HeldRun:
    """A run that is held.

    Raises:
        ScoringError: there is no such run.
    """
    run = _find(database_url, _RUN, run_id=run_id)
    if run is None:
        raise ScoringError(f"run {run_id} is not in the predictions database. Clear the task `extract`.")
    return run


def describe(database_url: str, job: Job, run: HeldRun, meanwhile: str, report: str) -> str:
    """The text on a held run.

    Args:
        database_url: the predictions database.
        job: whose run it is.
        run: the run.
        meanwhile: what analysts see until it is decided.
        report: link to the run's report.
    """
    held = [finding for finding in run.findings if finding.action == "hold"]
    others = [finding for finding in run.findings if finding.action == "warn"]
    return "\n\n".join(
        [
            f"**{run.job} {run.score_date}**, run {run.run_id}: {run.rows_extracted} rows extracted, "
            f"{run.rows_rejected} rejected, {run.rows_scored} scored by {run.model_name} "
            f"version {run.model_version}.",
            f"Held because\n\n{listed(held)}",
            *([f"Unusual as well\n\n{listed(others)}"] if others else []),
            _difference(database_url, run),
            f"[The run's report]({report}) shows every feature beside the training days.",
            f"{line(meanwhile)} Approve publishes run {run.run_id}, and Reject abandons it. "
            f"After {job.gate.decide_within_hours:g} hours it is {TIMED_OUT[job.gate.on_timeout]}.",
            *_reasons(job, run.run_id),
            *_who(job),
            f"On the command line: `scoring show {run.run_id}`, "
            f'`scoring approve {run.run_id} --reason "WHY"`, `scoring reject {run.run_id} --reason "WHY"`.',
        ]
    )


def _reasons(job: Job, run_id: int) -> list[str]:
    """Where whoever decides sees them: the page in the web UI shows what analysts may see."""
    if not job.reasons:
        return []
    return [f"Its scores are explained next. `scoring report {run_id}` then shows what moved them."]


def _who(job: Job) -> list[str]:
    rules = []
    if job.gate.deciders:
        rules.append(f"Only these may decide: {', '.join(job.gate.deciders)}.")
    if job.gate.four_eyes:
        rules.append("Whoever triggered the run may not decide on it.")
    return [" ".join(rules)] if rules else []


def _find(database_url: str, query: str, **values: object) -> HeldRun | None:
    with postgres.engine(database_url).connect() as connection:
        row = connection.execute(sa.text(query), values).mappings().one_or_none()
    if row is None:
        return None
    columns: dict[str, Any] = {field.name: row[field.name] for field in fields(HeldRun)}
    return HeldRun(**{**columns, "findings": tuple(map(Finding.read, row["findings"]))})


def _difference(database_url: str, run: HeldRun) -> str:
    with postgres.engine(database_url).connect() as connection:
        shown = connection.execute(sa.text(_SQL["shown"]), {"run_id": run.run_id}).scalar_one_or_none()
    if shown is None:
        return f"No run of {run.job} is published yet, so there is nothing to compare it with."
    try:
        difference = diff.scores(database_url, shown, run.run_id, top=0)
    except (ScoringError, sa.exc.DBAPIError) as error:  # no reason not to ask
        return f"Run {shown}, which is published, cannot be compared: {line(str(error).splitlines()[0])}"
    title = f"Compared with run {shown} of {difference.before.score_date}, which is published"
    return f"{title}\n\n" + "\n".join(f"- {line(sentence)}" for sentence in difference.sentences())
