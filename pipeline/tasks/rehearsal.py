"""The first rows of a job's query, checked and scored without writing anything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import pyarrow as pa

from pipeline.config import dates, forecast_file
from pipeline.config.job import Job
from pipeline.config.workspace import Workspace
from pipeline.contract.batch_result import BatchResult
from pipeline.contract.checker import Checker
from pipeline.contract.policy import Policy
from pipeline.databases import queries, warehouse
from pipeline.databases.queries import Query
from pipeline.errors import ScoringError
from pipeline.extraction import capacity, duplicates, row_cost
from pipeline.extraction.capacity import Forecast
from pipeline.extraction.row_cost import RowCost
from pipeline.model import failing
from pipeline.model.failing import Failure, Tolerance
from pipeline.model.loaded_model import Model
from pipeline.model.scoring import scoring_threads, tolerate

# Enough rows to meet the contract's rules, few enough to be quick.
SAMPLE_ROWS = 10_000


class CheckError(ScoringError):
    """Something over which the first run would stumble."""


@dataclass
class _Counts:
    """What the contract saw in the rows.

    Attributes:
        rows: how many were read.
        rejected: how many of them would be rejected.
        reasons: for which columns, by which rules.
        cost: what a row takes; None before the first one.
    """

    rows: int = 0
    rejected: int = 0
    reasons: set[tuple[str, str]] = field(default_factory=set)
    cost: RowCost | None = None

    def add(self, batch: pa.RecordBatch, checked: BatchResult) -> None:
        """Count a batch that was checked."""
        self.rows += batch.num_rows
        self.rejected += checked.rejected_rows
        self.reasons |= {(violation.column, violation.rule) for violation in checked.violations}

    def add_failures(self, failures: Sequence[Failure]) -> None:
        """Count the rows on which the model itself raised, and which the job has rejected."""
        self.rejected += len(failures)
        self.reasons |= {(failing.COLUMN, failing.RULE) for _ in failures}


def rehearse(
    workspace: Workspace, job: Job, score_date: date, model: Model, *, keep_forecast: bool = False
) -> str:
    """Read, check and score the first rows of a score date, and forecast its run; says what came of it.

    Args:
        workspace: folders, store and databases.
        job: what to rehearse.
        score_date: whose rows are read.
        model: the job's.
        keep_forecast: whether the forecast is written beside the job file, where its DAG looks for it.

    Raises:
        CheckError: there are no rows, or they know the future, or there is no forecast to keep.
        ForecastError: the run would not fit into the store or the memory.
        ScoringError: as extraction and scoring raise them.
    """
    interval = dates.interval(score_date, job.zone)
    text = queries.read(workspace.home / "sql", job.extract.query)
    query = Query(text, dates.query_values(score_date, job.zone), job.extract.query)
    policy = Policy.of(job, model.manifest.contract, model.manifest.label)
    repeated = duplicates.find(workspace.warehouse, query) if policy.unique == "reject" else None
    checker = Checker(model.manifest.contract, policy, interval[1].astimezone(job.zone), repeated)
    counts = _read(workspace, query, checker, model, Tolerance.of(job, SAMPLE_ROWS))
    if counts.cost is None:
        raise CheckError(f"{query.file} gives no rows on {score_date}. Name a date that has some: --date.")
    _require_no_future(query, score_date, counts)
    ahead = _forecast(workspace, job, query, model, counts.cost)
    kept = f"; kept in {_keep(workspace, job, ahead)}" if keep_forecast else ""
    reasons = "; ".join(f"{column}: {rule}" for column, rule in sorted(counts.reasons))
    return (
        f"{counts.rows} rows of {score_date} read and scored, {counts.rejected} would be rejected"
        f"{f' ({reasons})' if reasons else ''}; "
        f"the run: {ahead or 'how many rows, nobody knows before they are read'}{kept}"
    )


def _keep(workspace: Workspace, job: Job, ahead: Forecast | None) -> str:
    if ahead is None:
        raise CheckError(
            f"nobody knows the rows of {job.extract.query} before they are read, so there is no forecast to keep. "
            "Name memory_mb below [resources]."
        )
    kept = forecast_file.keep(workspace.home / "dags", job.name, rows=ahead.rows, peak_mb=ahead.peak_mb)
    return kept.relative_to(workspace.home).as_posix()


def _read(
    workspace: Workspace, query: Query, checker: Checker, model: Model, tolerance: Tolerance | None
) -> _Counts:
    counts = _Counts()
    with warehouse.stream(workspace.warehouse, query) as reader:
        checker.schema(reader.schema, query.file)
        for batch in reader:
            counts.cost = counts.cost or row_cost.measure(
                lambda rows: tolerate(model, rows, tolerance).scores, checker, batch
            )
            sample = batch.slice(0, SAMPLE_ROWS - counts.rows)
            checked = checker.check(sample)
            counts.add(sample, checked)
            if checked.accepted.num_rows:
                counts.add_failures(tolerate(model, checked.accepted, tolerance).failures)
            if counts.rows >= SAMPLE_ROWS:
                break
    return counts


def _require_no_future(query: Query, score_date: date, counts: _Counts) -> None:
    if future := [column for column, rule in sorted(counts.reasons) if rule == "future"]:
        raise CheckError(
            f"{query.file}: {', '.join(future)}: times after the end of {score_date}, which nobody knows "
            "when the run begins. Train without them. If they are known in advance, register the model with --planned, "
            f'or set contract.columns.{future[0]}.future = "warn".'
        )


def _forecast(workspace: Workspace, job: Job, query: Query, model: Model, cost: RowCost) -> Forecast | None:
    expect = partial(
        capacity.forecast,
        rows_per_part=job.extract.rows_per_part,
        cost=cost,
        threads=scoring_threads(model.manifest),
    )
    return capacity.look_ahead(workspace, query, expect)
