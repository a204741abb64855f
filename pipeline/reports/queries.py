"""What the pages read of the predictions database: runs as they were entered, and never a value that broke a rule."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipeline.databases import statements
from pipeline.databases.postgres import engine
from pipeline.errors import UsageError
from pipeline.reports.alarms import Promise
from pipeline.reports.days import DaySummary, remembering
from pipeline.runs import history

# What a page looks back on. Weeks, so that a weekday stands beside its like.
DAYS = 26 * 7

Row = Mapping[str, Any]
# A slice's column and its value, which may be missing -> metric -> figure.
Groups = Mapping[tuple[str, str | None], Mapping[str, float]]
# A score date, and the number of its run.
Neighbour = tuple[date, int]

_SQL = statements.load("reports/pages")


class NoSuchRun(UsageError):
    """A run that a page is asked for and that is not there."""


@dataclass(frozen=True)
class Online:
    """What the API was asked: column -> bin -> rows in it, and the rules that rows broke; empty where nothing was."""

    profiles: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rejected: Sequence[Row] = ()


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
        groups: the same of groups: a slice's column and value -> metric -> figure.
        promise: what became of the promise of its score date; None where there is none.
        days: its job's score dates until its own.
        previous: the score date before that has a run, and the number of the run that analysts see, else its last.
        following: the one after.
        late: how its source differed when it was last read again; None where it was not.
        challenger: what its challenger made of the same rows; None where it had none.
        online: what the API was asked on its score date, and its model answered.
    """

    run: Row
    parts: Sequence[Row]
    metrics: Mapping[str, float]
    features: Mapping[str, Mapping[str, float]]
    profiles: Mapping[str, Mapping[str, int]]
    rejected: Sequence[Row]
    outcomes: Mapping[str, float]
    groups: Groups
    promise: Promise | None
    days: Sequence[DaySummary]
    previous: Neighbour | None
    following: Neighbour | None
    late: Row | None
    challenger: Row | None = None
    online: Online = Online()


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
        late = connection.execute(sa.text(_SQL["late"]), values).mappings().one_or_none()
        beside = connection.execute(sa.text(_SQL["challenger"]), values).mappings().one_or_none()
        return Record(
            run=dict(run),
            parts=details["ledger"],
            metrics={row["metric"]: row["value"] for row in details["metrics"]},
            features=features,
            profiles=_profiles(connection.execute(sa.text(_SQL["profiles"]), values)),
            rejected=details["rejected"],
            outcomes={row["metric"]: row["value"] for row in details["outcomes"]},
            groups=_groups(connection, run_id),
            promise=_promise(connection, run["job"], run["score_date"]),
            days=_days(connection, [run["job"]], run["score_date"]),
            previous=_neighbour(connection, dict(run), _SQL["previous"]),
            following=_neighbour(connection, dict(run), _SQL["following"]),
            late=dict(late) if late else None,
            challenger=dict(beside) if beside else None,
            online=_online(connection, dict(run)),
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


def _profiles(rows: Iterable[sa.Row[Any]]) -> dict[str, dict[str, int]]:
    """Histograms: column -> bin -> rows in it."""
    profiles: dict[str, dict[str, int]] = {}
    for row in rows:
        profiles.setdefault(row.column_name, {})[row.label] = row.rows
    return profiles


def _online(connection: sa.Connection, run: Row) -> Online:
    values = {name: run[name] for name in ("job", "score_date", "model_sha256")}
    rejected = connection.execute(sa.text(_SQL["online_rejected"]), values).mappings()
    profiles = _profiles(connection.execute(sa.text(_SQL["online"]), values))
    return Online(profiles, [dict(row) for row in rejected])


@contextmanager
def _snapshot(database_url: str) -> Iterator[sa.Connection]:
    with engine(database_url).connect() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        # A page that takes longer is not waited for, and must not keep the database busy.
        connection.execute(sa.text("SET LOCAL statement_timeout = '30s'"))
        yield connection


def _groups(connection: sa.Connection, run_id: int) -> Groups:
    groups: dict[tuple[str, str | None], dict[str, float]] = {}
    for row in connection.execute(sa.text(_SQL["groups"]), {"run_id": run_id}):
        groups.setdefault((row.slice_column, row.slice_value), {})[row.metric] = row.value
    return groups


def _neighbour(connection: sa.Connection, run: Row, query: str) -> Neighbour | None:
    values = {"job": run["job"], "score_date": run["score_date"]}
    row = connection.execute(sa.text(query), values).one_or_none()
    return (row.score_date, row.run_id) if row else None


def _promise(connection: sa.Connection, job: str, score_date: date) -> Promise | None:
    values = {"job": job, "score_date": score_date}
    row = connection.execute(sa.text(_SQL["promise"]), values).mappings().one_or_none()
    return Promise(**row) if row else None


def _days(connection: sa.Connection, jobs: Sequence[str], until: date | None) -> list[DaySummary]:
    values = {"jobs": list(jobs), "until": until, "days": DAYS}
    rows = connection.execute(sa.text(_SQL["days"]), values).mappings()
    return remembering([DaySummary(**row) for row in rows])
