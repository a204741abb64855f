"""A candidate's training rows: each score date's as a run reads them, with the outcomes that are known by now."""

import tempfile
from collections.abc import Collection
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.job import Job
from pipeline.config.sections import OutcomesSection
from pipeline.config.training_section import TrainingSection
from pipeline.config.workspace import Workspace
from pipeline.contract.contract import ENTITY, SCORE_DATE
from pipeline.databases import queries
from pipeline.evaluation import outcomes
from pipeline.model import registry
from pipeline.model.files import sha256
from pipeline.model.manifest import PinnedVersion
from pipeline.payloads import Value
from pipeline.retraining.team_code import RetrainingError
from pipeline.runs.code_version import sha256_of
from pipeline.training import gather
from pipeline.training.gather import Source

_KEY = [ENTITY, SCORE_DATE]


class TrainingRows(Value):
    """Training rows that were read.

    Attributes:
        job: the job's name.
        first: the first score date.
        last: the last one.
        rows: how many there are.
        labelled: how many of them have an outcome.
        outcome: the column that holds it.
        sha256: digest of the Parquet file.
        query: the text of the query that gave them.
        query_sha256: its digest.
        outcomes_sha256: digest of the outcomes query.
        job_sha256: digest of the job file.
        notes: what was left out, and why.
    """

    job: str
    first: date
    last: date
    rows: int
    labelled: int
    outcome: str
    sha256: str
    query: str
    query_sha256: str
    outcomes_sha256: str
    job_sha256: str
    notes: tuple[str, ...] = ()


def required(job: Job) -> tuple[TrainingSection, OutcomesSection]:
    """The sections [training] and [outcomes] of a job.

    Raises:
        RetrainingError: the first is not there.
    """
    if job.training is None:
        raise RetrainingError(
            f"{job.name}.toml has no section [training]. Add one, with function and window_days, to train candidates."
        )
    return job.training, outcomes.required(job)


def last_date(job: Job, now: datetime) -> date:
    """The newest score date whose outcomes are there.

    Raises:
        RetrainingError: the job has no section [training].
    """
    _, rule = required(job)
    return now.astimezone(job.zone).date() - timedelta(days=rule.delay_days)


def champion(home: Path, job: Job) -> PinnedVersion | None:
    """The version that the job scores with; None where its model has none yet.

    Raises:
        ModelError: it cannot be read.
    """
    if not (home / "models" / job.model.name / "versions.toml").exists():
        return None
    return registry.resolve(home, job.model.name, job.model.alias)


def read(workspace: Workspace, job: Job, last: date, path: Path) -> TrainingRows:
    """Read the rows of a window of score dates, and write them to a Parquet file.

    Args:
        workspace: folders and the warehouse.
        job: with a section [training].
        last: the last score date of the window.
        path: the file.

    Raises:
        RetrainingError: too few rows have an outcome, or an entity has two on a date.
        TrainingError: no date has rows, or a column has gaps and integers that no float has.
        ContractError: a column comes twice, or is of one kind on one date and of another on the next.
        WarehouseError: there is no such query, or the database refused it.
    """
    section, rule = required(job)
    days = [last - timedelta(days=back) for back in reversed(range(section.window_days))]
    named, outcome = section.query or job.extract.query, outcome_of(workspace.home, job)
    text, of_outcomes = (queries.read(workspace.home / "sql", each) for each in (named, rule.query))
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        features, results = Path(folder) / "features.parquet", Path(folder) / "outcomes.parquet"
        summary = gather.write(Source(workspace.warehouse, text, named, job.zone), days, features)
        gather.write(Source(workspace.warehouse, of_outcomes, rule.query, job.zone), days, results)
        table = _joined(features, results, outcome, named, rule.query)
    labelled = len(table) - table[outcome].null_count
    if labelled < section.minimum_rows:
        raise RetrainingError(
            f"{labelled} rows from {days[0]} to {last} have an outcome, and training.minimum_rows is "
            f"{section.minimum_rows}. Raise training.window_days, name a later date, or lower the number."
        )
    pq.write_table(table, path, compression="zstd")
    return TrainingRows(
        job=job.name,
        first=days[0],
        last=last,
        rows=len(table),
        labelled=labelled,
        outcome=outcome,
        sha256=sha256(path.read_bytes()),
        query=text,
        query_sha256=sha256_of(text),
        outcomes_sha256=sha256_of(of_outcomes),
        job_sha256=job.sha256,
        notes=tuple(summary.warnings()),
    )


def outcome_of(home: Path, job: Job) -> str:
    """The column of the outcomes query that is learned: the job's, else the champion's.

    Raises:
        RetrainingError: neither names one.
    """
    _, rule = required(job)
    known = champion(home, job)
    column = rule.column or (known.manifest.outcome if known else None)
    if column is None:
        raise RetrainingError(
            f"{job.name}.toml: nothing says which column of {rule.query} is the outcome. Name it as outcomes.column."
        )
    return column


def require_no_outcome(columns: Collection[str], outcome: str, query: str) -> None:
    """Refuse training rows whose query gives the outcome itself.

    Raises:
        RetrainingError: it does.
    """
    if outcome in columns:
        raise RetrainingError(
            f"{query}: column {outcome!r} is called as the outcome is. No run has the outcome: leave it out."
        )


def _joined(features: Path, results: Path, outcome: str, query: str, of_outcomes: str) -> pa.Table:
    """The features with their outcomes, each column in the type that the database gave it."""
    rows, labels = pq.read_table(features), pq.read_table(results)
    require_no_outcome(rows.column_names, outcome, query)
    if outcome not in labels.column_names:
        raise RetrainingError(
            f"{of_outcomes}: column {outcome!r}, the outcome, is missing. It has {', '.join(labels.column_names)}."
        )
    known = pd.MultiIndex.from_frame(labels.select(_KEY).to_pandas())
    if not known.is_unique:
        again = labels.select(_KEY).slice(int(known.duplicated().argmax()), 1).to_pylist()[0]
        raise RetrainingError(
            f"{of_outcomes} gives an entity more than one row on {again[SCORE_DATE].date()}. Give one row an entity."
        )
    places = known.get_indexer(pd.MultiIndex.from_frame(rows.select(_KEY).to_pandas()))
    taken = labels[outcome].combine_chunks().take(pa.array(places, mask=np.asarray(places) < 0))
    return rows.append_column(pa.field(outcome, taken.type), taken)
