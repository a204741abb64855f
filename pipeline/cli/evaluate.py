"""The commands that look back at a score date: its scores beside their outcomes, its rows beside their source."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

import sqlalchemy as sa
import typer

from pipeline.cli import context, ranges
from pipeline.cli.console import FAILED, AsJson, err, out, print_json, print_table
from pipeline.cli.context import JobName
from pipeline.cli.score import First, Last, ScoreDate
from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import ScoringError, UsageError, named
from pipeline.runs import history
from pipeline.tasks.date_range import days_of, walk

Version = Annotated[int, typer.Argument(help="The version to compare.", min=1)]


def outcomes(name: JobName, first: First, last: Last = None, as_json: AsJson = False) -> None:
    """Compare the published scores of a score date, or of each of a range, with their outcomes.

    What was measured before is measured again: outcomes may have come since. In a range, a date that fails stops
    none of the others. It ends with 1 where a date failed.
    """
    from pipeline.evaluation.outcomes import evaluate

    job, between = context.job(name), dates.parse_range(first, last)
    if last is not None:
        if as_json:
            raise UsageError("--json is for one score date. Leave it out, or name one date.")
        _measure_range(job, between)
        return
    done = evaluate(context.workspace_of(job), job, between[0])
    beside = _challenger(context.workspace_of(job), job, between[0])
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
    for note in filter(None, (*done.notes, done.quality, beside)):
        out.print(note, markup=False, highlight=False, soft_wrap=True)
    if metrics.get("quality_alarm"):
        err.print("the model is worse than in training", style="red")
    for alarm in done.alarms:
        err.print(
            f"groups differ more than chance allows: {alarm}", style="red", markup=False, soft_wrap=True
        )


def recheck(name: JobName, date: ScoreDate, as_json: AsJson = False) -> None:
    """Read a score date's source again, and count the rows that came, went or changed since they were scored.

    It runs the job's query once more, and scores nothing. It ends with 1 where a row differs.
    """
    from pipeline.late_data.recheck import recheck as read_again

    job = context.job(name)
    done = read_again(context.workspace_of(job), job, dates.parse(date))
    if as_json:
        print_json({**asdict(done), "score_date": done.score_date.isoformat()})
    else:
        out.print(
            f"run {done.run_id} of {done.job} {done.score_date}: {done.rows_now} rows now, "
            f"{done.rows_rejected} of them rejected; {done}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        for note in done.notes:
            out.print(note, markup=False, highlight=False, soft_wrap=True)
    if done.differing:
        err.print(f"To score the rows as they are now: {done.command}", markup=False, soft_wrap=True)
        raise typer.Exit(FAILED)


def replay(name: JobName, version: Version, first: First, last: Last = None) -> None:
    """Score published dates once more with another version of the model, and compare both with the outcomes.

    It reads the runs' own parts, and writes nothing. The verdict may be asked for every day: a version that is no
    better is called better, or worse, in no more than 5 % of cases. It ends with 1 where a date failed.
    """
    from pipeline.challenger import sentences
    from pipeline.challenger.comparison import Day
    from pipeline.challenger.paired_test import WRONG
    from pipeline.challenger.replay import concluded, day, opened

    job, between = context.job(name), dates.parse_range(first, last)
    workspace, days, done = context.workspace_of(job), days_of(*between), list[Day]()
    own = history.published(workspace.predictions, job.name, *between)
    challenger = opened(workspace, job, version)

    def work(score_date: date) -> dict[str, object]:
        compared = day(workspace, job, challenger, score_date)
        done.append(compared)
        return sentences.figures(compared)

    skip = {each: "no run of the job's own model is published" for each in days if each not in own}
    try:
        ranges.show(walk(days, work, skip), days, "compared", sentences.FIGURES)
    finally:
        for sentence in sentences.of(concluded(challenger, done, WRONG)) if done else ():
            out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _challenger(workspace: Workspace, job: Job, day: date) -> str:
    """Measure the run's challenger, too, if it has one; what the days say of it, or why it could not be measured."""
    from pipeline.challenger.measuring import measure

    try:
        standing = measure(workspace, job, day)
    except (ScoringError, sa.exc.SQLAlchemyError, OSError) as error:
        err.print(
            f"its challenger: {named(error, str(error))}", markup=False, highlight=False, soft_wrap=True
        )
        return ""
    return standing.sentence if standing else ""


def _measure_range(job: Job, between: tuple[date, date]) -> None:
    from pipeline.evaluation.outcomes import evaluate

    workspace, days = context.workspace_of(job), days_of(*between)

    def work(day: date) -> dict[str, object]:
        done = evaluate(workspace, job, day)
        _challenger(workspace, job, day)
        alarms = f"{len(done.alarms)} alarms" if done.alarms else ""
        return {"run": done.run_id, "entities": done.entities, "outcomes": round(done.metrics["outcomes"]),
                "groups": alarms}  # fmt: skip

    ranges.show(walk(days, work, {}), days, "measured", ("run", "entities", "outcomes", "groups"))
