"""What a run looked like: counts, costs and the scores' spread, as tidy tables and as the gate's verdict."""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipeline.config.job import Job
from pipeline.config.sections import GateSection
from pipeline.config.workspace import Workspace
from pipeline.databases import postgres
from pipeline.monitoring import model_age, run_profile
from pipeline.monitoring.run_profile import RunProfile
from pipeline.payloads import Finding, Run, Verdict, Written
from pipeline.runs import ledger
from pipeline.runtime.clock import Clock, by_the_clock
from pipeline.store import layout, parts

log = logging.getLogger(__name__)

# Fewer rows may well have one score by chance; gate.constant_score tells the number.
_ENOUGH = 20


@dataclass
class ScoreSummary:
    """The spread of a run's scores, added up batch by batch (Chan, Golub and LeVeque 1979 for the variance)."""

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch of scored rows."""
        scores = batch.column("score").to_numpy()
        if not len(scores):
            return
        # Scores may be as large as a float can be; then their spread is infinite, and no reason to stop.
        with np.errstate(over="ignore", invalid="ignore"):
            mean, total = float(scores.mean()), self.rows + len(scores)
            apart = mean - self.mean
            self.squares += (
                float(((scores - mean) ** 2).sum()) + apart * apart * self.rows * len(scores) / total
            )
        self.mean += apart * len(scores) / total
        self.rows = total
        self.minimum, self.maximum = min(self.minimum, scores.min()), max(self.maximum, scores.max())
        for count in pc.value_counts(batch.column("label").drop_null()).to_pylist():
            self.labels[count["values"]] += count["counts"]

    def metrics(self) -> dict[str, float]:
        """The summary as named numbers; what is beyond a float is left out."""
        if not self.rows:
            return {}
        spread = {"score_mean": self.mean, "score_min": self.minimum, "score_max": self.maximum}
        spread["score_std"] = float(np.sqrt(self.squares / self.rows))
        spread = {name: value for name, value in spread.items() if np.isfinite(value)}
        return spread | {f"label_share:{label}": count / self.rows for label, count in self.labels.items()}


def log_metrics(places: Workspace, job: Job, run: Run, written: Sequence[Written]) -> Verdict:
    """Compute a run's metrics from its parts, keep them, and give the gate's verdict.

    Raises:
        PartError: a scored part is missing or altered.
        ModelError: the model or its reference is not as it was when the run began.
        Superseded: the run was closed or published meanwhile.
    """
    clock = Clock()
    with ledger.open_run(places.predictions, run.run_id):
        summary = ScoreSummary()
        for part in written:
            for batch in _scores(places, run, part):
                summary.add(batch)
        seen = run_profile.look(places, job.drift, run, written)
        found = (*seen.findings(job.gate), *model_age.findings(places, job.gate, run))
        verdict = apply_gate(job.gate, run, summary, found)
        counts = {**_counts(run, summary), **seen.metrics(), **summary.metrics()}
        _keep(places.predictions, run, verdict, {**counts, **_costs(run, written, clock)}, seen)
    for finding in verdict.findings:
        log.warning("%s (%s): %s", finding.check, finding.action, finding.message)
    log.info(
        "%s rows scored, mean %.6g; gate %s",
        summary.rows,
        summary.mean,
        "passed" if verdict.passed else "failed",
    )
    return verdict


def read(uri: str, run_id: int) -> dict[str, float]:
    """What is kept of a run's metrics."""
    with postgres.engine(uri).connect() as connection:
        rows = connection.execute(sa.text(_METRICS), {"run_id": run_id})
        return {row.metric: row.value for row in rows}


def apply_gate(
    gate: GateSection, run: Run, summary: ScoreSummary, unusual: tuple[Finding, ...] = ()
) -> Verdict:
    """Hold what a run looked like against the job's gate."""
    found = []
    if summary.rows < gate.min_rows:
        message = f"{summary.rows} rows were scored, and gate.min_rows is {gate.min_rows}"
        found.append(Finding(check="min_rows", action="hold", message=message))
    share = run.rows_rejected / run.rows_extracted if run.rows_extracted else 0.0
    if share > gate.max_rejected_fraction:
        message = (
            f"{run.rows_rejected} of {run.rows_extracted} rows were rejected ({share:.1%}), "
            f"and gate.max_rejected_fraction is {gate.max_rejected_fraction}"
        )
        found.append(Finding(check="rejected_fraction", action=gate.rejected_fraction, message=message))
    if summary.rows >= _ENOUGH and summary.minimum == summary.maximum:
        message = f"all {summary.rows} rows have the very same score, {summary.minimum:.6g}"
        found.append(Finding(check="constant_score", action=gate.constant_score, message=message))
    return Verdict(findings=(*found, *unusual), rows_scored=summary.rows)


def _scores(places: Workspace, run: Run, written: Written) -> Iterator[pa.RecordBatch]:
    path = layout.scored_path(run.job, run.score_date, run.run_id, written.part.number)
    return parts.read(places.store, path, written.part)


def _counts(run: Run, summary: ScoreSummary) -> dict[str, float]:
    rows = {
        "rows_extracted": run.rows_extracted,
        "rows_rejected": run.rows_rejected,
        "rows_scored": summary.rows,
    }
    return {**rows, "parts": len(run.parts), **run.forecast, **summary.metrics()}


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


def _keep(uri: str, run: Run, verdict: Verdict, metrics: dict[str, float], seen: RunProfile) -> None:
    findings = json.dumps([finding.json_value() for finding in verdict.findings])
    features = [
        {"run_id": run.run_id, "feature": feature, "metric": metric, "value": float(value)}
        for feature, found in seen.features(run).items()
        for metric, value in {**run.features[feature], **found}.items()
    ]
    values = [
        {"run_id": run.run_id, "metric": name, "value": float(value)} for name, value in metrics.items()
    ]
    with postgres.engine(uri).begin() as connection:
        # The run's row first: two tries at once wait here for one another, and one that is late changes nothing.
        scored = {"run_id": run.run_id, "rows": verdict.rows_scored, "findings": findings}
        connection.execute(sa.text(_SCORED), scored)
        connection.execute(sa.text(_RUN_METRIC), values)
        connection.execute(sa.text(_FEATURE_METRIC), features)
        connection.execute(sa.text(_PROFILE), seen.rows(run.run_id))
        # And last a statement by itself: after a batch the server's timer for a try that stands still does not run.
        ledger.hold_open(connection, run.run_id)


_METRICS = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id"
_RUN_METRIC = """
INSERT INTO scoring.run_metrics (run_id, metric, value) VALUES (:run_id, :metric, :value)
ON CONFLICT (run_id, metric) DO UPDATE SET value = EXCLUDED.value
"""
_FEATURE_METRIC = """
INSERT INTO scoring.feature_metrics (run_id, feature, metric, value) VALUES (:run_id, :feature, :metric, :value)
ON CONFLICT (run_id, feature, metric) DO UPDATE SET value = EXCLUDED.value
"""
_PROFILE = """
INSERT INTO scoring.profiles (run_id, column_name, bin, label, count)
VALUES (:run_id, :column_name, :bin, :label, :count)
ON CONFLICT (run_id, column_name, bin) DO UPDATE SET label = EXCLUDED.label, count = EXCLUDED.count
"""
_SCORED = """
UPDATE scoring.scoring_runs SET rows_scored = :rows, findings = CAST(:findings AS jsonb), scored_at = now()
WHERE run_id = :run_id AND status IN ('running', 'failed')
"""
