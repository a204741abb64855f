"""What the pages read of the predictions database: runs as they were entered, and never a value that broke a rule."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import UsageError
from pipeline.reports import alarms
from pipeline.reports.alarms import Alarm, Promise
from pipeline.runs import history

# What a page looks back on. Weeks, so that a weekday stands beside its like.
DAYS = 26 * 7

Row = Mapping[str, Any]

_SQL = statements.load("reports/pages")


class NoSuchRun(UsageError):
    """A run that a page is asked for and that is not there."""


@dataclass(frozen=True)
class DaySummary:
    """What stands for a job's score date: the run that analysts see, else its last try.

    Attributes:
        shown: whether analysts see this run.
        held_run_id: a run of that score date that waits for a person.
        failed_run_id: a later run of that score date, which was to take its place and failed.
        decided_by: who approved or rejected it.
        started_at: when it began.
        trigger: what started the run, or the one that waits for a person.
        model_name: its model.
        model_version: the model's version.
        score_mean: of the run's scores, where it came that far.
        findings: what its gate found unusual.
        outcomes: figures of its outcomes, once they are known, and their alarms.
    """

    job: str
    score_date: date
    run_id: int
    status: str
    status_reason: str | None
    served_by: str
    staleness_days: int
    rows_scored: int | None
    rows_rejected: int | None
    shown: bool
    held_run_id: int | None
    failed_run_id: int | None
    decided_by: str | None
    started_at: datetime
    trigger: str
    model_name: str | None
    model_version: int | None
    score_mean: float | None
    findings: Sequence[Mapping[str, str]]
    outcomes: Mapping[str, float]

    @property
    def level(self) -> str:
        """As a traffic light: good, warn, bad; none where there is nothing to show."""
        if self.held_run_id is not None:
            return "warn"
        if self.shown and (self.alarms or self.served_by != "model" or self.failed_run_id):
            return "warn"
        if self.shown:
            return "good"
        return "bad" if self.status == "failed" or self.rejected else "none"

    @property
    def alarms(self) -> list[Alarm]:
        """What its gate and its outcomes ask to look at."""
        return [*alarms.of_findings(self.findings), *alarms.of_outcomes(self.outcomes)]

    def figure(self, metric: str) -> float | None:
        """A figure of its outcomes; None where the model was trained on that day, or there is none."""
        return None if self.outcomes.get("in_sample") else self.outcomes.get(metric)

    @property
    def rejected(self) -> bool:
        """Whether it was held, and nobody approved it."""
        return self.status == "abandoned" and self.decided_by is not None


@dataclass(frozen=True)
class Record:
    """All that a report shows of a run.

    Attributes:
        run: its row of `scoring_runs`, with the run that analysts see of that score date (`shown_run_id`, and what
            served it), the one that a roll-back would show (`previous_run_id`), and a later one that failed
            (`failed_run_id`).
        parts: its ledger, part by part.
        metrics: by name.
        features: feature -> its metrics.
        profiles: column -> bin -> rows in it; the score's column is empty. Old runs have none.
        rejected: column, rule and how many rows broke it.
        outcomes: how its scores compare with their outcomes, over all entities; empty while there are none.
        promise: what became of the promise of its score date; None where there is none.
        days: its job's score dates until its own.
    """

    run: Row
    parts: Sequence[Row]
    metrics: Mapping[str, float]
    features: Mapping[str, Mapping[str, float]]
    profiles: Mapping[str, Mapping[str, int]]
    rejected: Sequence[Row]
    outcomes: Mapping[str, float]
    promise: Promise | None
    days: Sequence[DaySummary]


def record(database_url: str, run_id: int) -> Record:
    """Read all that a report shows of one run, from one snapshot.

    Raises:
        NoSuchRun: there is none of that number.
    """
    values = {"run_id": run_id}
    with _snapshot(database_url) as connection:
        run = connection.execute(sa.text(_SQL["run"]), values).mappings().one_or_none()
        if run is None:
            raise NoSuchRun(f"no run {run_id}. `scoring runs` lists them.")
        details = history.details(connection, run_id, analyst=True)
        features: dict[str, dict[str, float]] = {}
        for row in details["features"]:
            features.setdefault(row["feature"], {})[row["metric"]] = row["value"]
        profiles: dict[str, dict[str, int]] = {}
        for profile in connection.execute(sa.text(_SQL["profiles"]), values):
            profiles.setdefault(profile.column_name, {})[profile.label] = profile.rows
        return Record(
            run=dict(run),
            parts=details["ledger"],
            metrics={row["metric"]: row["value"] for row in details["metrics"]},
            features=features,
            profiles=profiles,
            rejected=details["rejected"],
            outcomes={row["metric"]: row["value"] for row in details["outcomes"]},
            promise=_promise(connection, run["job"], run["score_date"]),
            days=_days(connection, [run["job"]], run["score_date"]),
        )


def days(database_url: str, jobs: Sequence[str]) -> list[DaySummary]:
    """The last score dates of some jobs, each job's until its own last, in order of job and score date."""
    with _snapshot(database_url) as connection:
        return _days(connection, jobs, None)


def promises(database_url: str, jobs: Sequence[str]) -> list[Promise]:
    """The score dates of some jobs that fell due within the time that a page looks back on, by job and due date."""
    with _snapshot(database_url) as connection:
        rows = connection.execute(sa.text(_SQL["promises"]), {"jobs": list(jobs), "days": DAYS}).mappings()
        return [Promise(**row) for row in rows]


def run_of(database_url: str, job: str, trigger: str) -> int | None:
    """The last run of a job that was started by `trigger`, such as an Airflow DAG run's id; None if there is none."""
    with _snapshot(database_url) as connection:
        last = connection.execute(sa.text(_SQL["of_trigger"]), {"job": job, "trigger": trigger})
        return last.scalar_one_or_none()


def job_of(database_url: str, run_id: int) -> str | None:
    """The job whose run this is; None if there is no such run."""
    query = sa.text("SELECT job FROM scoring.scoring_runs WHERE run_id = :run_id")
    with _snapshot(database_url) as connection:
        return connection.execute(query, {"run_id": run_id}).scalar_one_or_none()


@contextmanager
def _snapshot(database_url: str) -> Iterator[sa.Connection]:
    with engine(database_url).connect() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        # A page that takes longer is not waited for, and must not keep the database busy.
        connection.execute(sa.text("SET LOCAL statement_timeout = '30s'"))
        yield connection


def _promise(connection: sa.Connection, job: str, score_date: date) -> Promise | None:
    values = {"job": job, "score_date": score_date}
    row = connection.execute(sa.text(_SQL["promise"]), values).mappings().one_or_none()
    return Promise(**row) if row else None


def _days(connection: sa.Connection, jobs: Sequence[str], until: date | None) -> list[DaySummary]:
    values = {"jobs": list(jobs), "until": until, "days": DAYS}
    return [DaySummary(**row) for row in connection.execute(sa.text(_SQL["days"]), values).mappings()]
