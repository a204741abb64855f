"""What a person is told who decides on a held run, as Markdown: why, and what publishing it would change."""

from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.databases import postgres
from pipeline.errors import ScoringError
from pipeline.inspection import diff
from pipeline.inspection.diff import Diff, Side
from pipeline.integrations.messages import TIMED_OUT, listed
from pipeline.payloads import Finding, HeldRun
from pipeline.plain_text import line


def of_trigger(database_url: str, job: str, trigger: str) -> HeldRun | None:
    """The last run that a trigger began, where it is held or a person has decided on it; else None."""
    return _find(database_url, _OF_TRIGGER, job=job, trigger=trigger)


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
    """All that there is to know of a held run.

    Args:
        database_url: the predictions database.
        job: whose run it is.
        run: the run.
        meanwhile: what analysts see until it is decided.
        report: address of the page with the run's report.
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
            f"All of it beside the training nights, in pictures: [the run's report]({report}).",
            f"{line(meanwhile)} Approve publishes run {run.run_id}, Reject abandons it; after "
            f"{job.gate.decide_within_hours:g} hours it is {TIMED_OUT[job.gate.on_timeout]}.",
            *_who(job),
            f"The same on the command line, with more of the difference: `python -m pipeline show {run.run_id}`, "
            f'`approve {run.run_id} --reason "WHY"`, `reject {run.run_id} --reason "WHY"`.',
        ]
    )


def _who(job: Job) -> list[str]:
    rules = []
    if job.gate.deciders:
        rules.append(f"May decide: {', '.join(job.gate.deciders)}.")
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


def _difference(uri: str, run: HeldRun) -> str:
    with postgres.engine(uri).connect() as connection:
        shown = connection.execute(sa.text(_SHOWN), {"run_id": run.run_id}).scalar_one_or_none()
    if shown is None:
        return f"Nothing of {run.job} is published yet that it could be compared with."
    try:
        return _sentences(diff.scores(uri, shown, run.run_id, top=3))
    except (ScoringError, sa.exc.DBAPIError) as error:  # no reason not to ask
        return f"No comparison with run {shown}, which is published: {line(str(error).splitlines()[0])}"


def _sentences(found: Diff) -> str:
    common = found.before.entities - found.vanished
    lines = [
        f"entities: {found.before.entities} then, {found.after.entities} now; {found.appeared} appeared, "
        f"{found.vanished} vanished",
        f"mean score: {_mean(found.before)} then, {_mean(found.after)} now",
    ]
    if common:
        by = (
            f", by {found.mean_change:.6g} on average and {found.max_change:.6g} at most"
            if found.changed
            else ""
        )
        lines.append(f"of the {common} entities in both, {found.changed} have another score{by}")
        lines.append(f"{found.crossed_decile} crossed a decile, {found.relabelled} have another label")
    if found.lineage:
        lines.append(f"between them changed: {', '.join(change.what for change in found.lineage)}")
    before = f"Compared with run {found.before.run_id} of {found.before.score_date}, which is published"
    return before + "\n\n" + "\n".join(f"- {line}" for line in lines)


def _mean(side: Side) -> str:
    return "none" if side.mean_score is None else f"{side.mean_score:.6g}"


_RUN = "SELECT * FROM scoring.scoring_runs WHERE run_id = :run_id"
_OF_TRIGGER = """
SELECT * FROM (
    SELECT * FROM scoring.scoring_runs WHERE job = :job AND trigger = :trigger ORDER BY run_id DESC LIMIT 1
) AS last
WHERE status = 'held' OR decided_by IS NOT NULL
"""
# Of the same night, else of the last night before it that was scored itself.
_SHOWN = """
SELECT shown.run_id
FROM scoring.scoring_runs AS held
JOIN scoring.current_runs AS current ON current.job = held.job AND current.score_date <= held.score_date
JOIN scoring.scoring_runs AS shown ON shown.run_id = current.run_id
WHERE held.run_id = :run_id AND shown.served_by = 'model' ORDER BY current.score_date DESC LIMIT 1
"""
