"""The commands: a demonstration from nothing to a story of five runs, and the same Airflow in the foreground."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psutil
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import credentials, dag_runs, lock, port, preload, processes, seed, story
from local.airflow import Airflow, started
from local.airflow_environment import WATCHER, Place, of_watch
from local.dag_runs import WAITS, DagRun
from local.processes import LocalError
from pipeline.embedded import server as server
from pipeline.embedded.server import Embedded
from pipeline.project import ROOT

# An unpaused DAG begins with the night that was due last, which would take the demo's first number. And nobody edits a
# job file or the pipeline meanwhile: reading all job files anew costs as much as three tasks.
_SETTINGS = {
    **preload.EVERYTHING,
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}

console = Console()


def demo(place: Place, asked: str | None) -> None:
    """Score five dates under a real scheduler, measure their outcomes, and tell what became of each."""
    begun = time.monotonic()
    embedded = seed.server(place, lambda _: None)
    reader, up = seed.reader(embedded), "make up"
    there = story.read(reader, seed.JOB)
    if there:
        console.print(f"{len(there)} of {len(story.SCORE_DATES)} score dates are here already")
    if story.is_told(there):
        seed.prepare(place, embedded, console.print)
    else:
        with _set_up(place, asked, settings=_SETTINGS) as (airflow, _):
            missing = story.missing(there)
            console.print(
                f"the scheduler scores {len(missing)} dates of {seed.JOB}, and measures their outcomes"
            )
            with _board() as show:
                dag_runs.run(airflow, seed.JOB, missing, show, measure=story.unmeasured(there))
            up = f"{_again(airflow.url)}   Airflow at {_address(airflow)}"
    chapters = story.read(reader, seed.JOB)
    if not chapters:
        raise LocalError("The database holds no run. Look into the logs of the runs.")
    console.print(story.table(chapters))
    run_id = story.most_unusual(chapters)
    report = story.write_report(seed.pages(embedded), place.home, place.folder / "reports", run_id)
    console.print(
        f"Report of run {run_id}, to open in a browser:\n  {report}", soft_wrap=True, highlight=False
    )
    _print_commands(chapters)
    console.print(
        f"Done in {time.monotonic() - begun:.0f} s; nothing is left running. Look around:\n  {up}",
        soft_wrap=True,
    )


def up(place: Place, asked: str | None) -> None:
    """Keep Airflow running until Ctrl-C."""
    # Nothing here needs the triggerer. The home page of the web UI calls an Airflow without one unhealthy.
    with (
        seed.analysts_door(place) as connecting,
        _set_up(place, asked, triggerer=True) as (airflow, embedded),
    ):
        watching = _watch(place, embedded)
        with airflow.rest() as rest, contextlib.suppress(LocalError):
            # A job file that cannot be read is shown by the web UI.
            dag_runs.await_dag(airflow, rest, seed.JOB)
        console.print(f"Airflow is at {_address(airflow)}", soft_wrap=True)
        console.print(connecting, markup=False, highlight=False, soft_wrap=True)
        console.print("Ctrl-C stops it.")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                airflow.check()
                if watching:
                    watching.check()
                time.sleep(1)


def _watch(place: Place, embedded: Embedded) -> processes.Child | None:
    """Watch the promises of the job files beside Airflow, and stop with it."""
    if (environ := of_watch(place, embedded)) is None:
        console.print(f"No promise is watched. Set {WATCHER}, with a member of scoring_watcher.")
        return None
    command = [sys.executable, "-m", "pipeline", "watch"]
    return processes.spawn("watch", command, environ, place.folder, place.logs / "watch.log")


def down(place: Place) -> None:
    """Stop what runs of this checkout, whether a crash left it or another terminal started it."""
    if owner := lock.holder(place.airflow):
        console.print(f"stopping process {owner.pid}")
        owner.terminate()
        if psutil.wait_procs([owner], timeout=60)[1]:
            owner.kill()
    ended = processes.stop(place.folder)
    console.print(f"Airflow: {ended} left-over processes stopped" if ended else "Airflow: nothing was left")
    ran = server.is_running(place.folder)
    # Also where it does not run: a machine that was switched off left what lies outside of .local.
    if users := server.stop(place.folder):
        console.print(f"Postgres: left running, processes {', '.join(map(str, users))} use it")
    else:
        console.print("Postgres: stopped" if ran else "Postgres: not running")


@contextlib.contextmanager
def _set_up(
    place: Place, asked: str | None, *, triggerer: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Airflow, Embedded]]:
    with console.status("") as status, ThreadPoolExecutor(max_workers=1) as aside:

        def tell(line: str) -> None:
            if line.startswith(("starting", "loading")):
                status.update(line)
            else:
                console.print(line)

        embedded = seed.server(place, tell)
        # Making Airflow's database and starting Airflow keep one core busy for 20 s; the set-up fits beside it.
        prepared = aside.submit(seed.prepare, place, embedded, tell)
        with started(
            place, embedded, port=asked, triggerer=triggerer, settings=settings, tell=tell
        ) as airflow:
            prepared.result()
            status.update(f"starting Airflow on {airflow.url}")
            airflow.ready()
            status.stop()
            yield airflow, embedded


@contextlib.contextmanager
def _board() -> Iterator[Callable[[Sequence[DagRun]], None]]:
    """Show runs as they go: a live table, or a line each where there is no terminal."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda runs: live.update(_progress(runs), refresh=True)
        return
    printed: set[date] = set()

    def tell(runs: Sequence[DagRun]) -> None:
        for one in runs:
            if one.settled and one.score_date not in printed:
                printed.add(one.score_date)
                console.print(_line(one))

    yield tell


def _progress(runs: Sequence[DagRun]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))  # 80 columns take it
    for name in ("score date", *dag_runs.TASKS, "seconds"):
        table.add_column(name, min_width=min(len(name), 7), no_wrap=True)
    for one in runs:
        table.add_row(str(one.score_date), *one.tasks.values(), f"{one.seconds:.1f}")
    return table


def _line(one: DagRun) -> str:
    if one.tasks["decide"] == WAITS:
        return f"{one.score_date}: waits for a decision after {one.seconds:.1f} s"
    return f"{one.score_date}: {'published' if one.published else one.state} in {one.seconds:.1f} s"


def _print_commands(chapters: Sequence[story.Chapter]) -> None:
    lines = {f".venv/bin/scoring {line}": shows for line, shows in story.commands(chapters, seed.JOB).items()}
    console.print(f"Try, in {ROOT}:", soft_wrap=True, highlight=False)
    width = min(max(map(len, lines)), 60)
    for line, shows in lines.items():
        console.print(f"  {line:{width}}  [dim]# {shows}[/dim]", soft_wrap=True, highlight=False)


def _again(url: str) -> str:
    """The command that starts Airflow at the same address."""
    number = int(url.rpartition(":")[2])
    return "make up" if number == port.USUAL else f"make up PORT={number}"


def _address(airflow: Airflow) -> str:
    return f"[bold]{airflow.url}[/bold], user [bold]{credentials.USER}[/bold], password [bold]{airflow.password}[/bold]"
