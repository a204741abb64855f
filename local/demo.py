"""The commands: a demonstration from nothing to predictions, and the same Airflow in the foreground."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

import psutil
import sqlalchemy as sa
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local import backfill, credentials, lock, port, processes, seed, tcp
from local.airflow import Airflow, started
from local.airflow_environment import ANALYST, Place
from local.backfill import Night
from local.processes import LocalError
from local.rest import FINISHED
from pipeline.config import loader
from pipeline.databases.postgres import engine
from pipeline.embedded import server as server
from pipeline.embedded.server import Embedded

DAYS = [date(2013, 7, 1) + timedelta(days=number) for number in range(3)]

_RUNS = """
SELECT score_date, run_id AS run, model_version AS model, rows_extracted AS extracted, rows_rejected AS rejected,
       rows_scored AS scored, to_char(published_at, 'YYYY-MM-DD HH24:MI') AS published
FROM scoring.scoring_runs
WHERE job = :job AND score_date BETWEEN :first AND :last AND status = 'published'
ORDER BY score_date
"""
_PREDICTIONS = """
SELECT score_date, entity_id, round(score::numeric, 4) AS score, label, model_version AS model, run_id AS run
FROM scoring.predictions
WHERE job = :job AND score_date = :last
ORDER BY scoring.predictions.score DESC, entity_id
LIMIT 10
"""

console = Console()


def demo(place: Place, asked: str | None) -> None:
    """Run three nights under a real scheduler, and show what analysts see."""
    begun = time.monotonic()
    with _set_up(place, asked) as (airflow, embedded):
        job = loader.find(place.dags, seed.JOB)
        console.print(f"the scheduler runs {len(DAYS)} nights of {job.name}")
        with _board() as show:
            backfill.run(airflow, job.name, DAYS, job.zone, show)
        values = {"job": job.name, "first": DAYS[0], "last": DAYS[-1]}
        _print("Published runs", seed.reader(embedded), _RUNS, values)
        _print("Ten predictions", seed.reader(embedded), _PREDICTIONS, values)
        address, again = _address(airflow), _again(airflow.url)
    console.print(f"Done in {time.monotonic() - begun:.0f} s; nothing is left running. Look around:")
    console.print(f"  {again}   Airflow at {address}", soft_wrap=True)
    console.print("  make psql".ljust(len(again) + 2), "  SELECT * FROM predictions LIMIT 10;")


def up(place: Place, asked: str | None) -> None:
    """Keep Airflow running until Ctrl-C."""
    # Nothing here needs the triggerer. The home page of the web UI calls an Airflow without one unhealthy.
    with tcp.opened(place) as connecting, _set_up(place, asked, triggerer=True) as (airflow, _):
        with airflow.rest() as rest, contextlib.suppress(LocalError):
            # A job file that cannot be read is shown by the web UI.
            backfill.await_dag(airflow, rest, seed.JOB)
        console.print(f"Airflow is at {_address(airflow)}", soft_wrap=True)
        console.print(connecting, markup=False, highlight=False, soft_wrap=True)
        console.print("Ctrl-C stops it.")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                airflow.check()
                time.sleep(1)


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


def psql(place: Place, arguments: Sequence[str]) -> int:
    """Run psql as an analyst."""
    if not (place.folder / "postgres" / "PG_VERSION").exists() and ANALYST not in os.environ:
        raise LocalError("There are no predictions yet. Run `make demo` first.")
    embedded = seed.server(place, lambda _: None)
    command = [str(embedded.binaries / "psql"), seed.reader(embedded), *arguments]
    # Ctrl-C is psql's: it ends a query, not the session.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    environ = {**os.environ, "PGOPTIONS": "-c search_path=scoring"}
    return subprocess.run(command, env=environ, check=False).returncode


@contextlib.contextmanager
def _set_up(
    place: Place, asked: str | None, *, triggerer: bool = False
) -> Iterator[tuple[Airflow, Embedded]]:
    with console.status("") as status:

        def tell(line: str) -> None:
            if line.startswith(("starting", "loading")):
                status.update(line)
            else:
                console.print(line)

        embedded = seed.server(place, tell)
        with started(place, embedded, port=asked, triggerer=triggerer, tell=tell) as airflow:
            # Airflow's start keeps one core busy for 15 s; the set-up fits beside it.
            seed.prepare(place, embedded, tell)
            status.update(f"starting Airflow on {airflow.url}")
            airflow.ready()
            status.stop()
            yield airflow, embedded


@contextlib.contextmanager
def _board() -> Iterator[Callable[[list[Night]], None]]:
    """Show nights as they go: a live table, or lines where there is no terminal."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda nights: live.update(_progress(nights), refresh=True)
        return
    printed: set[date] = set()

    def tell(nights: list[Night]) -> None:
        for night in nights:
            if night.state in FINISHED and night.day not in printed:
                printed.add(night.day)
                console.print(_line(night))

    yield tell


def _progress(nights: list[Night]) -> Table:
    table = Table("night", box=None, header_style="bold")
    for name in (*backfill.TASKS, "seconds"):
        table.add_column(name, min_width=11)
    for night in nights:
        table.add_row(str(night.day), *night.tasks.values(), f"{night.seconds:.1f}")
    return table


def _line(night: Night) -> str:
    skipped = " (published already)" if night.tasks["publish"] == "skipped" else ""
    return f"{night.day}: {night.state} in {night.seconds:.1f} s{skipped}"


def _print(title: str, uri: str, query: str, values: dict[str, object]) -> None:
    with engine(uri).connect() as session:
        rows = session.execute(sa.text(query), values).mappings().all()
    if not rows:
        raise LocalError(f"{title}: the database holds none. Look into the logs of the runs.")
    table = Table(*rows[0], title=title, title_justify="left", box=None, header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)


def _again(url: str) -> str:
    """The command that starts Airflow at the same address."""
    number = int(url.rpartition(":")[2])
    return "make up" if number == port.USUAL else f"make up PORT={number}"


def _address(airflow: Airflow) -> str:
    return f"[bold]{airflow.url}[/bold], user [bold]{credentials.USER}[/bold], password [bold]{airflow.password}[/bold]"
