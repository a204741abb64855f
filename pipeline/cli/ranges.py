"""A range of score dates on the command line: a bar while it goes on, a table when it is over.

It ends with 1 where a date failed, else with 3 where one is held, else with 0.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date

import sqlalchemy as sa
import typer

from pipeline.cli.console import FAILED, HELD, err, print_table, progress_bar
from pipeline.cli.reasons import commands
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.errors import NothingToDo, ScoringError, named
from pipeline.payloads import RunRequest
from pipeline.runs import history
from pipeline.runtime.interruption import Interrupted
from pipeline.tasks.date_range import Result, State, days_of, walk

# What a table of a range shows of each run.
_FIGURES = {"run": "run_id", "rows": "rows_scored", "rejected": "rows_rejected"}
# As long as a line of the table can bear.
_REASON = 100


def score(
    workspace: Workspace, job: Job, between: tuple[date, date], request: RunRequest, again: bool
) -> None:
    """Score every date of a range that is not published, or with `again` every one."""
    from pipeline.tasks.run import score as score_date

    url, days = workspace.predictions, days_of(*between)
    there = {} if again else history.published(url, job.name, *between)

    def figures(day: date) -> dict[str, object]:
        row = history.triggered(url, job.name, day, request.trigger)
        return {name: row.get(key) for name, key in _FIGURES.items()}

    def work(day: date) -> dict[str, object]:
        with commands.also_held(workspace, job, day, request.trigger):
            done = score_date(workspace, job, day, look(workspace, job, day, request))
        challenge(workspace, job, done.run_id)
        commands.after(workspace, job, done.run_id)
        return figures(day)

    skip = {day: f"run {run_id} is published" for day, run_id in there.items()}
    show(walk(days, work, skip, figures), days, "published", tuple(_FIGURES))


def look(workspace: Workspace, job: Job, day: date, request: RunRequest) -> RunRequest:
    """Ask once whether the source of a date is ready, and say what was seen; a command does not wait.

    Raises:
        NotReady: it is not, and the job says to score no such date.
    """
    from pipeline.extraction import readiness

    asked = readiness.once(workspace, job, day, request)
    if job.ready and asked.readiness:
        _say(f"{job.name} {day}: {readiness.describe(job.ready, asked.readiness)}")
    return asked


def challenge(workspace: Workspace, job: Job, run_id: int) -> None:
    """Have the job's challenger, if it has one, score what was published; whatever goes wrong with it is only said."""
    if job.challenger is None:
        return
    from pipeline.challenger import tries

    try:
        if failure := tries.whole(workspace, job, run_id):
            _say(f"run {run_id} stays published, its challenger failed: {failure}")
    except NothingToDo as nothing:
        _say(str(nothing))
    except (ScoringError, sa.exc.SQLAlchemyError, OSError) as error:
        _say(f"run {run_id} stays published, its challenger failed: {named(error, str(error))}")


def show(results: Iterable[Result], days: list[date], done: str, columns: tuple[str, ...]) -> None:
    """Work a range off, and print what became of each date.

    Args:
        results: one a date, as they come.
        days: the dates.
        done: the word for a date that is done.
        columns: the figures that are shown, which a result may lack.

    Raises:
        Exit: a date failed, or is held.
        Interrupted: a signal ended the range; the table is of the dates before.
    """
    over: list[Result] = []
    try:
        with progress_bar() as bar:
            task = bar.add_task(str(days[0]), total=len(days))
            for result in results:
                over.append(result)
                if result.state in (State.FAILED, State.HELD):
                    _complain(result)
                following = days[len(over)] if len(over) < len(days) else result.score_date
                bar.update(task, description=str(following), completed=len(over))
    except Interrupted:
        with suppress(OSError):  # a terminal that was closed
            _print(over, done, columns)
            left = len(days) - len(over) - 1
            _say(f"stopped at {days[len(over)]}; {left} score dates after it were not begun" if left else
                 f"stopped at {days[len(over)]}, the last score date")  # fmt: skip
        raise
    _print(over, done, columns)
    states = {result.state for result in over}
    if code := FAILED if State.FAILED in states else HELD if State.HELD in states else 0:
        raise typer.Exit(code)


def _print(results: list[Result], done: str, columns: tuple[str, ...]) -> None:
    if results:
        print_table(
            [
                {
                    "score date": result.score_date,
                    "state": done if result.state is State.DONE else result.state.value,
                    **{column: result.figures.get(column) for column in columns},
                    "seconds": round(result.seconds, 1),
                    "reason": _short(result.reason),
                }
                for result in results
            ]
        )


def _complain(result: Result) -> None:
    _say(f"{result.score_date} {result.state}: {result.error}")


def _say(text: str) -> None:
    err.print(text, markup=False, highlight=False, soft_wrap=True)


def _short(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[: _REASON - 3]}..."
