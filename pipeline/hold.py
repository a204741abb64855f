"""What a person is told who decides on a held run, as Markdown: why, and what publishing it would change."""

import sqlalchemy as sa

from pipeline import compare, postgres
from pipeline.compare import Diff, Side
from pipeline.errors import ScoringError
from pipeline.job import Gate
from pipeline.plain import line
from pipeline.stage import Finding, Run, Verdict


def describe(uri: str, gate: Gate, run: Run, verdict: Verdict, meanwhile: str, report: str) -> str:
    """All that there is to know of a held run.

    Args:
        uri: the predictions database.
        gate: of the job.
        run: the run.
        verdict: what the gate's checks found in it.
        meanwhile: what analysts see until it is decided.
        report: address of the page with the run's report.
    """
    held = [finding for finding in verdict.findings if finding.action == "hold"]
    others = [finding for finding in verdict.findings if finding.action == "warn"]
    return "\n\n".join(
        [
            f"**{run.job} {run.score_date}**, run {run.run_id}: {run.rows_extracted} rows extracted, "
            f"{run.rows_rejected} rejected, {verdict.rows_scored} scored by {run.model_name} "
            f"version {run.model_version}.",
            f"Held because\n\n{listed(held)}",
            *([f"Unusual as well\n\n{listed(others)}"] if others else []),
            _difference(uri, run),
            f"All of it beside the training nights, in pictures: [the run's report]({report}).",
            f"{line(meanwhile)} Approve publishes run {run.run_id}, Reject abandons it; after "
            f"{gate.decide_within_hours:g} hours it is {_TIMED_OUT[gate.on_timeout]}.",
            f"The same on the command line, with more of the difference: `python -m pipeline show {run.run_id}`, "
            f'`approve {run.run_id} --reason "..."`, `reject {run.run_id} --reason "..."`.',
        ]
    )


def listed(findings: list[Finding]) -> str:
    """Findings as a list; no value of the data in them is a link."""
    return "\n".join(f"- {finding.check}: {line(finding.message)}" for finding in findings)


def _difference(uri: str, run: Run) -> str:
    with postgres.engine(uri).connect() as connection:
        shown = connection.execute(sa.text(_SHOWN), {"run_id": run.run_id}).scalar_one_or_none()
    if shown is None:
        return f"Nothing of {run.job} is published yet that it could be compared with."
    try:
        return _sentences(compare.scores(uri, shown, run.run_id, top=3))
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


_TIMED_OUT = {"approve": "approved", "reject": "rejected"}
# Of the same night, else of the last night before it that was scored itself.
_SHOWN = """
SELECT shown.run_id
FROM scoring.scoring_runs AS held
JOIN scoring.current_runs AS current ON current.job = held.job AND current.score_date <= held.score_date
JOIN scoring.scoring_runs AS shown ON shown.run_id = current.run_id
WHERE held.run_id = :run_id AND shown.served_by = 'model' ORDER BY current.score_date DESC LIMIT 1
"""
