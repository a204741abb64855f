"""Evaluates a score date's published scores, once their outcomes are known."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from pipeline.config import dates
from pipeline.config.job import Job
from pipeline.config.sections import OutcomesSection
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY
from pipeline.databases import postgres, postgres_errors, queries, statements, waiting
from pipeline.databases.queries import Values
from pipeline.errors import NothingToDo, ScoringError
from pipeline.estimation import measured
from pipeline.estimation.score_bins import ScoreBins
from pipeline.evaluation import custom_metrics, ground_truth, performance, quality_alarm, scored_sample
from pipeline.evaluation.ground_truth import Outcomes
from pipeline.evaluation.scored_sample import ScoredSample
from pipeline.model import registry
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.payloads import Evaluation
from pipeline.runs import archive

log = logging.getLogger(__name__)

_SQL = statements.load("evaluation/outcomes")

_REMEDY = "Run `scoring migrate`, and make the connection's role a member of scoring_writer."

# As many entities fit into half a gigabyte; of a larger run a sample is evaluated.
MAX_ROWS = 1_000_000


class OutcomeError(ScoringError):
    """Scores that cannot be evaluated."""


def evaluate(workspace: Workspace, job: Job, score_date: date, *, most: int = MAX_ROWS) -> Evaluation:
    """Compare published scores with their outcomes, and enter the metrics; earlier ones become history.

    Args:
        workspace: folders, store and databases.
        job: with a section `[outcomes]`.
        score_date: the day whose rows were scored.
        most: rows to evaluate; of a larger run a sample is.

    Raises:
        NothingToDo: no run of that score date is published.
        OutcomeError: the job names no outcomes, or the predictions database refuses.
        OutcomesQueryError: the outcomes query lacks a column, or its outcomes are unknown or contradict each other.
        CustomMetricError: the job's business query does not give named numbers.
        ModelError: the model that scored is missing or altered.
        PartError: a part is altered.
    """
    rule = required(job)
    run, entities = published(workspace.predictions, job.name, score_date)
    pinned = registry.pin(workspace.home, run["model_name"], run["model_version"], run["model_sha256"])
    sample = scored_sample.read(workspace.predictions, workspace.store, run, entities, job.slices, most)
    outcomes = true_values(workspace, job, score_date, pinned, sample)
    labelled = scored_sample.labelled(sample, pinned.manifest, outcomes.values)
    in_sample = pinned.manifest.trained_on(score_date)
    evaluated = performance.evaluate(labelled, sample.groups, pinned, rule, in_sample=bool(in_sample))
    counts = {"entities": float(entities)}
    if in_sample is not None:
        counts["in_sample"] = float(in_sample)
    if sample.weight == 1:  # of a sample nobody knows which of the others were scored
        counts["outcomes_unscored"] = float(outcomes.unscored)
    metrics = evaluated.metrics | performance.overall(counts)
    metrics |= performance.overall(_business(workspace, rule, run, sample.table, outcomes.rows))
    _enter(workspace.predictions, run["run_id"], metrics, scored_sample.bins(labelled))
    rate = rule.quality_alarm_rate
    with postgres_errors.translated_errors("predictions", OutcomeError, {"42": _REMEDY}):
        quality = quality_alarm.update(workspace.predictions, job.name, pinned, run["run_id"], rate)
    metrics |= performance.overall(quality.metrics)
    evaluation = Evaluation(
        run_id=run["run_id"],
        job=job.name,
        score_date=score_date,
        entities=entities,
        metrics={metric: value for (column, _, metric), value in metrics.items() if not column},
        alarms=tuple(str(gap) for gap in evaluated.gaps if gap.alarm),
        notes=(*sample.notes, *evaluated.notes),
        quality=quality.sentence,
    )
    _log(evaluation)
    return evaluation


def rehearse(workspace: Workspace, job: Job, score_date: date, manifest: Manifest) -> str:
    """Try a job's outcomes query on real rows without scores, write nothing, and give a sentence on it.

    Raises:
        OutcomesQueryError: as for `evaluate`.
        CustomMetricError: as for `evaluate`.
        WarehouseError: the database refused the query.
    """
    rule = required(job)
    column = ground_truth.column_of(job, manifest)
    rows, complete = ground_truth.sample(
        workspace.warehouse, *_query(workspace, job, rule, score_date), rule.query, manifest, column
    )
    counts = f"{rule.query}: {complete} of the first {len(rows)} rows of {score_date} have an outcome in {column!r}"
    if rule.business is None:
        return counts
    _business(
        workspace, rule, {"run_id": 0, "score_date": score_date}, scored_sample.empty(job.slices).table, rows
    )
    return f"{counts}; {rule.business} runs"


def required(job: Job) -> OutcomesSection:
    """The section [outcomes] of the job.

    Raises:
        OutcomeError: there is none.
    """
    if job.outcomes is None:
        raise OutcomeError(
            f"{job.name}.toml has no section [outcomes]. Add one, with query and delay_days, to evaluate its scores."
        )
    return job.outcomes


def published(database_url: str, job: str, score_date: date) -> tuple[dict[str, Any], int]:
    """The row of the published run, with its ledger, and how many entities it has; raises `NothingToDo` without one."""
    with postgres.engine(database_url).connect() as connection:
        values = {"job": job, "score_date": score_date}
        published = connection.execute(sa.text(_SQL["published"]), values).one_or_none()
    if published is None:
        raise NothingToDo(f"{job} {score_date}: no run is published, so there is nothing to evaluate")
    return archive.run(database_url, published.run_id), int(published.entities)


def true_values(
    workspace: Workspace, job: Job, score_date: date, pinned: PinnedVersion, sample: ScoredSample
) -> Outcomes:
    """The outcome of each entity of a sample; raises as `evaluate` does."""
    rule = required(job)
    column = ground_truth.column_of(job, pinned.manifest)
    query, values = _query(workspace, job, rule, score_date)
    names = sample.rows[ENTITY].combine_chunks()
    return ground_truth.read(workspace.warehouse, query, values, rule.query, pinned.manifest, column, names)


def _query(workspace: Workspace, job: Job, rule: OutcomesSection, score_date: date) -> tuple[str, Values]:
    start, end = dates.interval(score_date, job.zone)
    values = {"score_date": score_date, "interval_start": start, "interval_end": end}
    return queries.read(workspace.home / "sql", rule.query), values


def _business(
    workspace: Workspace, rule: OutcomesSection, run: Mapping[str, Any], scores: pa.Table, rows: pa.Table
) -> dict[str, float]:
    """The job's own metrics, of its scores and of the rows of its outcomes query."""
    if rule.business is None:
        return {}
    values: Values = {"run_id": run["run_id"], "score_date": run["score_date"]}
    query = queries.read(workspace.home / "sql", rule.business)
    numbers = custom_metrics.calculate(query, values, rule.business, {"scores": scores, "results": rows})
    return {f"business:{name}": value for name, value in numbers.items() if np.isfinite(value)}


def _enter(database_url: str, run_id: int, metrics: performance.Metrics, bins: ScoreBins | None) -> None:
    columns, values, names = zip(*metrics, strict=True)
    arrays: dict[str, Any] = {
        "run_id": run_id,
        "columns": list(columns),
        "values": list(values),
        "metrics": list(names),
    }
    arrays["numbers"] = list(metrics.values())

    def work(connection: sa.Connection) -> None:
        connection.execute(sa.text(_SQL["enter"]), arrays)
        if bins is not None:
            measured.enter(connection, run_id, bins)

    with postgres_errors.translated_errors("predictions", OutcomeError, {"42": _REMEDY}):
        waiting.patiently(database_url, f"entering the outcomes of run {run_id}", work)


def _log(evaluation: Evaluation) -> None:
    counts = evaluation.metrics
    log.info(
        "run %s: %.0f of %.0f entities have an outcome",
        evaluation.run_id,
        counts["outcomes"],
        counts["sampled"],
    )
    for note in (*evaluation.notes, evaluation.quality):
        log.info("%s", note)
