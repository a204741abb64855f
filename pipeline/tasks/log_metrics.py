"""What a run looked like: counts, costs and the scores' spread, as tidy tables and as the gate's verdict."""

import json
import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa
import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres, statements
from pipeline.estimation import run_estimate, wording
from pipeline.estimation.run_estimate import RunScores
from pipeline.extraction import readiness
from pipeline.model import registry
from pipeline.monitoring import run_profile, training_days
from pipeline.monitoring.first_run import findings as first_run
from pipeline.monitoring.gate import apply_gate
from pipeline.monitoring.references import LEAST_OUTCOMES
from pipeline.monitoring.run_profile import RunProfile
from pipeline.monitoring.score_summary import ScoreSummary
from pipeline.payloads import Run, Verdict, Written
from pipeline.reasons import weights
from pipeline.runs import ledger
from pipeline.runs.code_version import require_same
from pipeline.runtime.clock import Clock, by_the_clock
from pipeline.store import parts
from pipeline.store.layout import RunRef

_SQL = statements.load("tasks/log_metrics")

log = logging.getLogger(__name__)


def log_metrics(workspace: Workspace, job: Job, run: Run, written: Sequence[Written]) -> Verdict:
    """Compute a run's metrics from its parts, enter them in the ledger, and give the gate's verdict.

    Raises:
        DeploymentError: another deployment came since the run began.
        PartError: a scored part is missing or altered.
        ModelError: the model or its reference is not as it was when the run began.
        Superseded: the run was closed or published meanwhile.
    """
    clock = Clock()
    with ledger.open_run(workspace.predictions, run.run_id):
        require_same(workspace, job, run)
        failed = sum(part.rejected for part in written)
        run = run.model_copy(update={"rows_rejected": run.rows_rejected + failed})
        pinned = registry.pin(workspace.home, run.model_name, run.model_version, run.model_sha256)
        summary, scores = ScoreSummary(), RunScores(pinned.manifest)
        for part in written:
            for batch in _scores(workspace, run, part):
                summary.add(batch)
                scores.add(batch)
        profile = run_profile.look(workspace, pinned, job, run, written)
        unusual = (
            *readiness.findings(job, run),
            *profile.findings(job.gate, weights.last(workspace.predictions, job, run)),
            *training_days.findings(pinned, job.gate, run.score_date),
            *first_run.findings(workspace.home, job, pinned, run, written),
        )
        verdict = apply_gate(job.gate, run, summary, unusual)
        counts = {**_counts(run, summary), **profile.metrics(), "rows_failed": failed, **summary.metrics()}
        if job.outcomes:
            counts |= run_estimate.metrics(workspace.predictions, run, scores, LEAST_OUTCOMES)
            log.info("%s", wording.sentence(counts))
        _enter(workspace.predictions, run, verdict, {**counts, **_costs(run, written, clock)}, profile)
    for finding in verdict.findings:
        log.warning("%s (%s): %s", finding.check, finding.action, finding.message)
    log.info(
        "%s rows scored, mean %.6g; gate %s",
        summary.rows,
        summary.mean,
        "passed" if verdict.passed else "failed",
    )
    return verdict


def read(database_url: str, run_id: int) -> dict[str, float]:
    """What is kept of a run's metrics."""
    with postgres.engine(database_url).connect() as connection:
        rows = connection.execute(sa.text(_METRICS), {"run_id": run_id})
        return {row.metric: row.value for row in rows}


def _scores(workspace: Workspace, run: Run, written: Written) -> Iterator[pa.RecordBatch]:
    return parts.read(workspace.store, RunRef.of(run).scored(written.part.number), written.part)


def _counts(run: Run, summary: ScoreSummary) -> dict[str, float]:
    rows = {
        "rows_extracted": run.rows_extracted,
        "rows_rejected": run.rows_rejected,
        "rows_scored": summary.rows,
    }
    return {**rows, "parts": len(run.parts), **run.forecast, **readiness.metrics(run), **summary.metrics()}


def _costs(run: Run, written: Sequence[Written], clock: Clock) -> dict[str, float]:
    here, rows = clock.cost(), sum(part.part.rows for part in written)
    costs = {
        "extract": [run.cost],
        "predict": [part.predict for part in written],
        "write": [part.write for part in written],
        "log_metrics": [here],
    }
    seconds = {f"{stage}_seconds": sum(cost.seconds for cost in spent) for stage, spent in costs.items()}
    peaks = {
        f"{stage}_peak_mb": max((cost.peak_mb for cost in spent), default=0.0)
        for stage, spent in costs.items()
    }
    paces = {
        f"{stage}_rows_per_second": done / seconds[f"{stage}_seconds"]
        for stage, done in (("extract", run.rows_extracted), ("predict", rows), ("write", rows))
        if seconds[f"{stage}_seconds"]
    }
    # Beside what was forecast: forecast_seconds, forecast_peak_mb, forecast_store_mb.
    whole = {
        "seconds": by_the_clock((*costs["extract"], *costs["predict"], *costs["write"])),
        "peak_mb": max(peaks.values()),
        "store_mb": sum(part.size for part in (*run.parts, *(done.part for done in written))) / 1e6,
    }
    return seconds | peaks | paces | whole


def _enter(
    database_url: str, run: Run, verdict: Verdict, metrics: dict[str, float], profile: RunProfile
) -> None:
    findings = json.dumps([finding.json_value() for finding in verdict.findings])
    features = [
        {"run_id": run.run_id, "feature": feature, "metric": metric, "value": float(value)}
        for feature, figures in profile.features(run).items()
        for metric, value in {**run.features[feature], **figures}.items()
    ]
    values = [
        {"run_id": run.run_id, "metric": name, "value": float(value)} for name, value in metrics.items()
    ]
    with postgres.engine(database_url).begin() as connection:
        # The run's row first: two tries at once wait here for one another, and one that is late changes nothing.
        scored = {"run_id": run.run_id, "rows": verdict.rows_scored, "findings": findings}
        connection.execute(sa.text(_SQL["scored"]), scored)
        ledger.hold_open(connection, run.run_id)  # the database would call a late try's figures a refusal
        connection.execute(sa.text(_SQL["run_metric"]), values)
        connection.execute(sa.text(_SQL["feature_metric"]), features)
        connection.execute(sa.text(_SQL["profile"]), profile.rows(run.run_id))
        # And last a statement by itself: after a batch the server's timer for a try that stands still does not run.
        ledger.hold_open(connection, run.run_id)


_METRICS = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id"
