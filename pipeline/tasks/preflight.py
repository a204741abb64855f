"""Everything about a job that can be checked before its first night, without writing anything."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import adbc_driver_manager.dbapi as adbc
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.config.fields import DEFAULT_POOL
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.checker import Checker
from pipeline.contract.policy import Policy
from pipeline.databases import postgres, postgres_errors, queries, warehouse
from pipeline.databases.queries import Values
from pipeline.errors import ScoringError, named
from pipeline.evaluation import outcomes
from pipeline.extraction import capacity, duplicates
from pipeline.integrations import dependencies
from pipeline.model import loaded_model, registry
from pipeline.model.scoring import score_batch, scoring_threads
from pipeline.training.reference_check import reread

# Enough rows to meet the contract's rules, few enough to be quick.
SAMPLE_ROWS = 10_000

_RIGHTS = """
SELECT coalesce(string_agg(needed, ', '), '') FROM (VALUES
    ('INSERT on scoring.prediction_rows', has_table_privilege('scoring.prediction_rows', 'INSERT')),
    ('UPDATE on scoring.scoring_runs', has_any_column_privilege('scoring.scoring_runs', 'UPDATE')),
    ('EXECUTE on scoring.ensure_partition', has_function_privilege('scoring.ensure_partition(date)', 'EXECUTE')),
    ('EXECUTE on scoring.publish', has_function_privilege('scoring.publish(bigint, text, text)', 'EXECUTE'))
) AS rights (needed, granted) WHERE NOT granted
"""
_RETENTION = "SELECT EXISTS (SELECT FROM scoring.retention WHERE job = :job)"


class CheckError(ScoringError):
    """Something that the first night would stumble over."""


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
    job: Job, places: Workspace, score_date: date, environ: Mapping[str, str] = os.environ
) -> Iterator[CheckResult]:
    """Check a job's model, query, rows and rights, and yield each finding; a failed one ends what depends on it."""
    yield CheckResult("job file", True, f"{job.name}: {job.description}")
    if job.alerts.to:
        yield _find("alerts", lambda: dependencies.require_alerts(job, environ))
    if job.tracking.mlflow:
        yield _find("tracking", lambda: dependencies.require_tracking(job, environ))
    if job.pool != DEFAULT_POOL:
        yield _find("pool", lambda: dependencies.require_pool(job, environ))
    loaded: list[loaded_model.Model] = []
    yield _find("model", lambda: _model(job, places, loaded))
    if loaded:
        yield _find("query and rows", lambda: _rows(job, places, score_date, loaded[0]))
        yield _find("reference", lambda: _reference(job, places))
        if job.slices:
            yield _find("slices", lambda: _slices(job, loaded[0]))
        if job.outcomes:
            manifest = loaded[0].manifest
            yield _find("outcomes", lambda: outcomes.rehearse(places, job, score_date, manifest))
    if job.fallback == "champion_previous":
        yield _find("fallback", lambda: _fallback(job, places, score_date))
    yield _find("predictions database", lambda: _rights(places, job))


def _find(what: str, step: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(what, True, step())
    except (ScoringError, sa.exc.SQLAlchemyError, OSError, adbc.Error) as error:
        return CheckResult(
            what, False, " ".join(f"{named(error, str(error))} {postgres_errors.remedy(error)}".split())
        )


def _fallback(job: Job, places: Workspace, score_date: date) -> str:
    loaded: list[loaded_model.Model] = []
    said = _model(job, places, loaded, "champion_previous")
    return f"{said}; {_rows(job, places, score_date, loaded[0])}"


def _model(job: Job, places: Workspace, loaded: list[loaded_model.Model], alias: str = "") -> str:
    pinned = registry.resolve(places.home, job.model.name, alias or job.model.alias)
    manifest = pinned.manifest
    if manifest.outcome in {column.name for column in manifest.columns}:
        raise CheckError(
            f"{manifest.name} version {manifest.version} takes its own outcome, {manifest.outcome!r}, which nobody "
            "knows at night. Train without it, and register again."
        )
    loaded.append(registry.load(pinned))
    registry.reference(pinned)
    return (
        f"{manifest.name} version {manifest.version} ({manifest.task}, {len(manifest.columns)} features): bytes "
        f"as pinned, scikit-learn {manifest.libraries['scikit-learn']}, {len(manifest.golden_rows)} golden rows "
        "as recorded, reference as registered"
    )


def _rows(job: Job, places: Workspace, score_date: date, loaded: loaded_model.Model) -> str:
    query = queries.read(places.home / "sql", job.extract.query)
    start, end = dates.interval(score_date, job.zone)
    values: Values = {
        "score_date": score_date,
        "interval_start": start,
        "interval_end": end,
        "shard": 0,
        "shards": 1,
    }
    policy = Policy.of(job, loaded.manifest.contract, loaded.manifest.label)
    doubled = None
    if policy.unique == "reject":
        doubled = duplicates.find(places.warehouse, query, values, job.extract.query)
    checker = Checker(loaded.manifest.contract, policy, end.astimezone(job.zone), doubled)
    rows, rejected, reasons, sample = 0, 0, set(), None
    with warehouse.stream(places.warehouse, query, values, job.extract.query) as reader:
        checker.schema(reader.schema, job.extract.query)
        for batch in reader:
            sample = sample or capacity.measure(lambda rows: score_batch(loaded, rows), checker, batch)
            checked = checker.check(batch.slice(0, SAMPLE_ROWS - rows))
            rows, rejected = rows + min(batch.num_rows, SAMPLE_ROWS - rows), rejected + checked.rejected_rows
            reasons |= {(violation.column, violation.rule) for violation in checked.violations}
            if checked.accepted.num_rows:
                score_batch(loaded, checked.accepted)
            if rows >= SAMPLE_ROWS:
                break
    if not sample:
        raise CheckError(
            f"{job.extract.query} gives no rows on {score_date}. Name a date that has some: --date."
        )
    if future := [column for column, rule in sorted(reasons) if rule == "future"]:
        raise CheckError(
            f"{job.extract.query}: {', '.join(future)}: times after the end of {score_date}, which nobody knows at "
            "night. Train without them; or, where they are known in advance, register the model with --planned, or say "
            f'contract.columns.{future[0]}.future = "warn".'
        )
    why = "; ".join(f"{column}: {rule}" for column, rule in sorted(reasons))
    size, threads = job.extract.rows_per_part, scoring_threads(loaded.manifest)
    ahead = capacity.look_ahead(
        places, query, values, job.extract, lambda rows: capacity.forecast(rows, size, sample, threads)
    )
    return (
        f"{rows} rows of {score_date} read and scored, {rejected} would be rejected{f' ({why})' if why else ''}; "
        f"the night: {ahead or 'how many rows, nobody knows before they are read'}"
    )


def _reference(job: Job, places: Workspace) -> str:
    return reread(places, job, registry.resolve(places.home, job.model.name, job.model.alias))


def _slices(job: Job, loaded: loaded_model.Model) -> str:
    features = [column.name for column in loaded.manifest.columns]
    for name in job.slices:
        if name not in features:
            close = difflib.get_close_matches(name, features, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise CheckError(
                f"column {name!r} is no feature of model {loaded.manifest.name} version {loaded.manifest.version}, and "
                f"parts keep nothing else. {hint}Name some of: {', '.join(features)}."
            )
    return f"by {', '.join(job.slices)}"


def _rights(places: Workspace, job: Job) -> str:
    with postgres.engine(places.predictions).connect() as connection:
        if not connection.execute(
            sa.text("SELECT to_regclass('scoring.scoring_runs') IS NOT NULL")
        ).scalar_one():
            raise CheckError("it has no schema `scoring`. Run: python -m pipeline migrate")
        lacking = connection.execute(sa.text(_RIGHTS)).scalar_one()
        if lacking:
            raise CheckError(f"the role lacks {lacking}. GRANT scoring_writer TO it, as the owner.")
        version = connection.execute(sa.text("SELECT version_num FROM scoring.alembic_version")).scalar_one()
        entered = connection.execute(sa.text(_RETENTION), {"job": job.name}).scalar_one()
    # The first night does without, and whoever may score is often not who may migrate: no failure.
    rights = f"schema at revision {version}, and the role may write"
    if entered:
        return rights
    return f"{rights}; no [retention] of this job yet, so nothing of it is pruned until `migrate` has run"
