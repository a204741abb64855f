"""Everything about a job that can be checked before its first run, without writing anything."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa

from pipeline.challenger import choice
from pipeline.config.fields import DEFAULT_POOL
from pipeline.config.job import Job
from pipeline.config.ready_section import ReadySection
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, postgres_errors, statements
from pipeline.errors import NothingToDo, ScoringError, named
from pipeline.evaluation import outcomes
from pipeline.extraction import readiness
from pipeline.integrations import dependencies
from pipeline.isolation import protections
from pipeline.model import content, registry
from pipeline.model.loaded_model import Model
from pipeline.model.remote.remote_model import RemoteModel
from pipeline.monitoring import references
from pipeline.monitoring.sliced import look
from pipeline.reasons import forecast
from pipeline.tasks.rehearsal import CheckError, rehearse
from pipeline.training.reference_check import reread

_SQL = statements.load("tasks/preflight")
_FAILURES = (ScoringError, sa.exc.SQLAlchemyError, OSError, adbc.Error)
_MADE = "SELECT to_regclass('scoring.scoring_runs') IS NOT NULL"
_RETENTION = "SELECT EXISTS (SELECT FROM scoring.retention WHERE job = :job)"


@dataclass(frozen=True)
class CheckResult:
    """One thing that was checked.

    Attributes:
        what: what was checked.
        passed: whether it will do.
        detail: what was found.
    """

    what: str
    passed: bool
    detail: str


def check(
    job: Job,
    workspace: Workspace,
    score_date: date,
    environ: Mapping[str, str] = os.environ,
    keep_forecast: bool = False,
) -> Iterator[CheckResult]:
    """Check a job's model, query, rows and rights, and yield each finding; a failed one ends what depends on it."""
    yield CheckResult("job file", True, f"{job.name}: {job.description}")
    if job.alerts.to:
        yield find("alerts", lambda: dependencies.require_alerts(job, environ))
    if job.tracking.mlflow:
        yield find("tracking", lambda: dependencies.require_tracking(job, environ))
    if job.pool != DEFAULT_POOL:
        yield find("pool", lambda: dependencies.require_pool(job, environ))
    if job.ready:
        yield find("ready", partial(_ready, workspace, job, job.ready, score_date))
    model: RemoteModel | None = None
    try:
        model, detail = _model(job, workspace)
        yield CheckResult("model", True, detail)
        yield CheckResult("model's process", True, protections.describe(model.held))
        yield CheckResult("predictor", True, model.scored_by)
    except _FAILURES as error:
        yield _failed("model", error)
    yield find("versions", lambda: _versions(job, workspace))
    if model is not None:
        yield from _of_model(job, workspace, score_date, model, keep_forecast)
    if job.fallback == "champion_previous":
        yield find("fallback", lambda: _fallback(job, workspace, score_date))
    if job.challenger:
        yield find("challenger", lambda: _challenger(job, workspace))
    yield find("predictions database", lambda: _rights(workspace, job))


def _of_model(
    job: Job, workspace: Workspace, score_date: date, model: Model, keep: bool
) -> Iterator[CheckResult]:
    """Check what needs the job's model."""
    yield find("query and rows", lambda: rehearse(workspace, job, score_date, model, keep_forecast=keep))
    yield find("reference", lambda: _reference(job, workspace))
    if job.slices:
        yield find("slices", lambda: _slices(job, workspace, model))
    if job.reasons:
        yield find("reasons", lambda: forecast.describe(workspace, job, model))
    if job.outcomes:
        yield find("outcomes", lambda: outcomes.rehearse(workspace, job, score_date, model.manifest))


def find(what: str, step: Callable[[], str]) -> CheckResult:
    """What a step of a check found, or why it failed."""
    try:
        return CheckResult(what, True, step())
    except _FAILURES as error:
        return _failed(what, error)


def _failed(what: str, error: Exception) -> CheckResult:
    text = f"{named(error, str(error))} {postgres_errors.remedy(error)}"
    return CheckResult(what, False, " ".join(text.split()))


def _ready(workspace: Workspace, job: Job, ready: ReadySection, score_date: date) -> str:
    return f"{score_date}: {readiness.describe(ready, readiness.look(workspace, job, ready, score_date))}"


def _fallback(job: Job, workspace: Workspace, score_date: date) -> str:
    model, detail = _model(job, workspace, "champion_previous")
    return f"{detail}; {rehearse(workspace, job, score_date, model)}"


def _challenger(job: Job, workspace: Workspace) -> str:
    champion = registry.resolve(workspace.home, job.model.name, job.model.alias)
    try:
        chosen = choice.choose(workspace, job)
        choice.require_another(job, champion.manifest, chosen.manifest)
    except NothingToDo as nothing:
        return str(nothing)
    registry.load(choice.loadable(workspace.home, *chosen.pin, chosen.candidate))
    if job.outcomes and job.outcomes.delay_days >= job.retention.parts_days:
        raise CheckError(
            f"its scores go with a run's parts after {job.retention.parts_days} days, and the outcomes come after "
            f"{job.outcomes.delay_days}. Set retention.parts_days to more than outcomes.delay_days."
        )
    compared = "" if job.outcomes else "; without a section [outcomes] nothing tells which is better"
    label, beside = chosen.manifest.label, champion.manifest.version
    return f"{label} scores the same rows beside version {beside}, unpublished{compared}"


def _model(job: Job, workspace: Workspace, alias: str = "") -> tuple[RemoteModel, str]:
    """The model that an alias names, loaded, and what was verified of it."""
    pinned = registry.resolve(workspace.home, job.model.name, alias or job.model.alias)
    manifest = pinned.manifest
    if manifest.outcome in {column.name for column in manifest.columns}:
        raise CheckError(
            f"{manifest.name} version {manifest.version} takes its own outcome, {manifest.outcome!r}, which nobody "
            "knows when a run begins. Train without it, and register again."
        )
    model = registry.load(pinned)
    registry.reference(pinned)
    return model, (
        f"{manifest.name} version {manifest.version} ({manifest.task}, {len(manifest.columns)} features): bytes "
        f"as pinned, scikit-learn {manifest.libraries['scikit-learn']}, {len(manifest.golden_rows)} golden rows "
        "as recorded, reference as registered"
    )


def _versions(job: Job, workspace: Workspace) -> str:
    """Whether every registered version could be loaded, as far as its files' sizes tell."""
    home, name = workspace.home, job.model.name
    pins, _ = registry.versions(home, name)
    lacking = [each for version in pins for each in content.lacking(registry.unsigned(home, name, version))]
    if lacking:
        raise CheckError(" ".join(lacking))
    return f"the files of every version of {name} ({len(pins)}) are there, in git or in the artefact store"


def _reference(job: Job, workspace: Workspace) -> str:
    return reread(workspace, job, registry.resolve(workspace.home, job.model.name, job.model.alias))


def _slices(job: Job, workspace: Workspace, model: Model) -> str:
    features = [column.name for column in model.manifest.columns]
    for name in job.slices:
        if name not in features:
            close = difflib.get_close_matches(name, features, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise CheckError(
                f"column {name!r} is no feature of model {model.manifest.name} version {model.manifest.version}, and "
                f"parts keep nothing else. {hint}Name some of: {', '.join(features)}."
            )
    reference = references.load(registry.resolve(workspace.home, job.model.name, job.model.alias))
    return f"by {', '.join(job.slices)}{look.not_looked_at(reference, job.slices)}"


def _rights(workspace: Workspace, job: Job) -> str:
    with postgres.engine(workspace.predictions).connect() as connection:
        if not connection.execute(sa.text(_MADE)).scalar_one():
            raise CheckError("it has no schema `scoring`. Run: scoring migrate")
        lacking = connection.execute(sa.text(_SQL["lacking"])).scalar_one()
        if lacking:
            raise CheckError(f"the role lacks {lacking}. GRANT scoring_writer TO it, as the owner.")
        version = connection.execute(sa.text("SELECT version_num FROM scoring.alembic_version")).scalar_one()
        entered = connection.execute(sa.text(_RETENTION), {"job": job.name}).scalar_one()
    # The first run does without, and whoever may score is often not who may migrate: no failure.
    pending = "; no [retention] of this job yet, so nothing of it is pruned until `migrate` has run"
    return f"schema at revision {version}, and the role may write{'' if entered else pending}"
