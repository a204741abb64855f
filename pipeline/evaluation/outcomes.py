"""How good a night's published scores turned out to be, once the real results are known."""

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
from pipeline.databases import postgres, postgres_errors, queries, waiting
from pipeline.databases.queries import Values
from pipeline.errors import NothingToDo, ScoringError
from pipeline.evaluation import custom_metrics, ground_truth, performance, scored_sample
from pipeline.evaluation.ground_truth import Results
from pipeline.evaluation.scored_sample import Night
from pipeline.model import registry
from pipeline.model.manifest import Manifest, PinnedVersion
from pipeline.payloads import Evaluation
from pipeline.runs import archive

log = logging.getLogger(__name__)

# As many entities fit into half a gigabyte; of a larger night a sample is looked at.
MAX_ROWS = 1_000_000


class OutcomeError(ScoringError):
    """A night that cannot be held against its results."""


def evaluate(places: Workspace, job: Job, score_date: date, *, most: int = MAX_ROWS) -> Evaluation:
    """Hold the published scores of a night against the real results, and keep the figures; earlier ones become history.

    Args:
        places: folders, store and databases.
        job: with a section `[outcomes]`.
        score_date: the night.
        most: rows to look at; of a larger night a sample is.

    Raises:
        NothingToDo: no run of that night is published.
        OutcomeError: the job names no outcomes, or the predictions database refuses.
        ResultError: the outcomes query lacks a column, or gives results that are unknown or contradict each other.
        BusinessError: the job's business query does not give named numbers.
        ModelError: the model that scored is not as it was.
        PartError: a part is altered.
    """
    rule = required(job)
    run, entities = _published(places.predictions, job.name, score_date)
    pinned = registry.pin(places.home, run["model_name"], run["model_version"], run["model_sha256"])
    night = scored_sample.read(places.predictions, places.store, run, entities, job.slices, most)
    found = _results(places, job, rule, score_date, pinned, night)
    judged = scored_sample.judged(night, pinned.manifest, found.actual)
    done = performance.measure(judged, night.groups, pinned, rule)
    counts = {"entities": float(entities)}
    if night.weight == 1:  # of a sample nobody knows which of the others were scored
        counts["outcomes_unscored"] = float(found.unscored)
    metrics = done.metrics | performance.overall(counts)
    metrics |= performance.overall(_business(places, rule, run, night.table, found.rows))
    _keep(places.predictions, run["run_id"], metrics)
    measured = Evaluation(
        run_id=run["run_id"],
        job=job.name,
        score_date=score_date.isoformat(),
        entities=entities,
        metrics={metric: value for (column, _, metric), value in metrics.items() if not column},
        alarms=tuple(str(gap) for gap in done.gaps if gap.alarm),
        notes=(*night.notes, *done.notes),
    )
    _tell(measured)
    return measured


def rehearse(places: Workspace, job: Job, score_date: date, manifest: Manifest) -> str:
    """Try a job's outcomes on real rows and no score, write nothing, and say what was found.

    Raises:
        ResultError: as for `evaluate`.
        BusinessError: as for `evaluate`.
        WarehouseError: the database refused the query.
    """
    rule = required(job)
    column = ground_truth.column_of(job, manifest)
    rows, known = ground_truth.sample(
        places.warehouse, *_query(places, job, rule, score_date), rule.query, manifest, column
    )
    said = f"{rule.query}: {known} of the first {len(rows)} rows of {score_date} have a result in {column!r}"
    if rule.business is None:
        return said
    _business(
        places, rule, {"run_id": 0, "score_date": score_date}, scored_sample.nothing(job.slices).table, rows
    )
    return f"{said}; {rule.business} runs"


def required(job: Job) -> OutcomesSection:
    """What the job says of its outcomes.

    Raises:
        OutcomeError: nothing.
    """
    if job.outcomes is None:
        raise OutcomeError(
            f"{job.name}.toml has no section [outcomes]. Add one, with query and delay_days, to evaluate its scores."
        )
    return job.outcomes


def _published(uri: str, job: str, score_date: date) -> tuple[dict[str, Any], int]:
    """The row of the night's published run, with its ledger, and how many entities have a score of it."""
    with postgres.engine(uri).connect() as connection:
        values = {"job": job, "score_date": score_date}
        found = connection.execute(sa.text(_CURRENT), values).one_or_none()
    if found is None:
        raise NothingToDo(f"{job} {score_date}: no run is published, so there is nothing to evaluate")
    return archive.run(uri, found.run_id), int(found.entities)


def _results(
    places: Workspace, job: Job, rule: OutcomesSection, score_date: date, pinned: PinnedVersion, night: Night
) -> Results:
    column = ground_truth.column_of(job, pinned.manifest)
    query, values = _query(places, job, rule, score_date)
    names = night.rows[ENTITY].combine_chunks()
    return ground_truth.read(places.warehouse, query, values, rule.query, pinned.manifest, column, names)


def _query(places: Workspace, job: Job, rule: OutcomesSection, score_date: date) -> tuple[str, Values]:
    start, end = dates.interval(score_date, job.zone)
    values = {"score_date": score_date, "interval_start": start, "interval_end": end}
    return queries.read(places.home / "sql", rule.query), values


def _business(
    places: Workspace, rule: OutcomesSection, run: Mapping[str, Any], scores: pa.Table, rows: pa.Table
) -> dict[str, float]:
    """The job's own figures, of its scores and of the rows of its outcomes query."""
    if rule.business is None:
        return {}
    values: Values = {"run_id": run["run_id"], "score_date": run["score_date"]}
    query = queries.read(places.home / "sql", rule.business)
    found = custom_metrics.figures(query, values, rule.business, {"scores": scores, "results": rows})
    return {f"business:{name}": value for name, value in found.items() if np.isfinite(value)}


def _keep(uri: str, run_id: int, metrics: performance.Metrics) -> None:
    columns, values, names = zip(*metrics, strict=True)
    given: dict[str, Any] = {
        "run_id": run_id,
        "columns": list(columns),
        "values": list(values),
        "metrics": list(names),
    }
    remedy = "Run `python -m pipeline migrate`, and make the connection's role a member of scoring_writer."
    given["numbers"] = list(metrics.values())
    with postgres_errors.translated_errors("predictions", OutcomeError, {"42": remedy}):
        waiting.patiently(
            uri,
            f"entering the outcomes of run {run_id}",
            lambda connection: connection.execute(sa.text(_REPLACE), given),
        )


def _tell(measured: Evaluation) -> None:
    counts = measured.metrics
    log.info(
        "run %s: %.0f of %.0f entities have a result", measured.run_id, counts["outcomes"], counts["sampled"]
    )
    for note in measured.notes:
        log.info("%s", note)


_CURRENT = """
SELECT run_id, (SELECT coalesce(sum(rows_scored - rows_erased), 0) FROM scoring.run_parts
                WHERE run_id = current.run_id) AS entities
FROM scoring.current_runs AS current WHERE job = :job AND score_date = :score_date
"""
_REPLACE = """
SELECT scoring.replace_outcomes(:run_id, CAST(:columns AS text[]), CAST(:values AS text[]), CAST(:metrics AS text[]),
                                CAST(:numbers AS double precision[]))
"""
