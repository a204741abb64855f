"""The command that compares a score date's scores with their outcomes."""

from pipeline.cli import context
from pipeline.cli.console import AsJson, err, out, print_json, print_table
from pipeline.cli.context import JobName
from pipeline.cli.score import ScoreDate
from pipeline.config import dates


def outcomes(name: JobName, date: ScoreDate, as_json: AsJson = False) -> None:
    """Compare a score date's published scores with their outcomes; again, where outcomes have come since."""
    from pipeline.evaluation.outcomes import evaluate

    job = context.job(name)
    done = evaluate(context.workspace_of(job), job, dates.parse(date))
    if as_json:
        print_json(done.json_value())
        return
    metrics = done.metrics
    out.print(
        f"run {done.run_id} of {done.job} {done.score_date}: {metrics['outcomes']:.0f} of {metrics['sampled']:.0f} "
        "entities have an outcome",
        soft_wrap=True,
    )
    print_table([{"metric": metric, "value": value} for metric, value in sorted(metrics.items())])
    for note in done.notes:
        out.print(note, markup=False, highlight=False, soft_wrap=True)
    for alarm in done.alarms:
        err.print(
            f"groups differ more than chance allows: {alarm}", style="red", markup=False, soft_wrap=True
        )
