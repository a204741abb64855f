"""What the pages read of the predictions database: runs as they were kept, and never a value that broke a rule."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from pipeline.databases.postgres import engine
from pipeline.errors import UsageError

# What a page looks back on. Weeks, so that a weekday stands beside its like.
NIGHTS = 6 * 7

Row = sa.RowMapping


class NoSuchRun(UsageError):
    """A run that a page is asked for and that is not there."""


@dataclass(frozen=True)
class Night:
    """What stands for a job's score date: the run that analysts see, else its last try.

    Attributes:
        shown: whether analysts see this run.
        held_run_id: a run of that night that waits for a person.
        failed_run_id: a later run of that night, which was to take its place and failed.
        decided_by: who approved or rejected it.
        started_at: when it began.
        score_mean: of the run's scores, where it came that far.
        findings: how many things its gate found unusual.
        roc_auc: of a binary model, once the real results are known.
        rmse: of a regression, once the real results are known.
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
    score_mean: float | None
    findings: int
    roc_auc: float | None
    rmse: float | None

    @property
    def level(self) -> str:
        """As a traffic light: good, warn, bad; none where there is nothing to tell."""
        if self.held_run_id is not None:
            return "warn"
        if self.shown and (self.findings or self.served_by != "model" or self.failed_run_id):
            return "warn"
        if self.shown:
            return "good"
        return "bad" if self.status == "failed" or self.rejected else "none"

    @property
    def rejected(self) -> bool:
        """Whether it was held, and nobody approved it."""
        return self.status == "abandoned" and self.decided_by is not None


@dataclass(frozen=True)
class Record:
    """All that a report tells of a run.

    Attributes:
        run: its row of `scoring_runs`, with the run that analysts see of that night (`shown_run_id`, and what served
            it), the one that a roll-back would show (`previous_run_id`), and a later one that failed (`failed_run_id`).
        parts: its ledger, part by part.
        metrics: its numbers.
        features: feature -> its numbers.
        profiles: column -> bin -> rows in it; the score's column is empty. Nothing for a run of before they were kept.
        rejected: column, rule and how many rows broke it.
        outcomes: how its scores fared against the real results, over all entities; empty while nobody knows.
        nights: its job's nights until its own.
    """

    run: Row
    parts: Sequence[Row]
    metrics: Mapping[str, float]
    features: Mapping[str, Mapping[str, float]]
    profiles: Mapping[str, Mapping[str, int]]
    rejected: Sequence[Row]
    outcomes: Mapping[str, float]
    nights: Sequence[Night]


def record(uri: str, run_id: int) -> Record:
    """Read all that a report tells of one run, from one snapshot.

    Raises:
        NoSuchRun: there is none of that number.
    """
    asked = {"run_id": run_id}
    with _snapshot(uri) as connection:
        run = connection.execute(sa.text(_RUN), asked).mappings().one_or_none()
        if run is None:
            raise NoSuchRun(f"no run {run_id}. `python -m pipeline runs` lists them.")
        features: dict[str, dict[str, float]] = {}
        for row in connection.execute(sa.text(_FEATURES), asked):
            features.setdefault(row.feature, {})[row.metric] = row.value
        profiles: dict[str, dict[str, int]] = {}
        for row in connection.execute(sa.text(_PROFILES), asked):
            profiles.setdefault(row.column_name, {})[row.label] = row.counted
        return Record(
            run=run,
            parts=connection.execute(sa.text(_PARTS), asked).mappings().all(),
            metrics={row.metric: row.value for row in connection.execute(sa.text(_METRICS), asked)},
            features=features,
            profiles=profiles,
            rejected=connection.execute(sa.text(_REJECTED), asked).mappings().all(),
            outcomes={row.metric: row.value for row in connection.execute(sa.text(_OUTCOMES), asked)},
            nights=_nights(connection, [run["job"]], run["score_date"]),
        )


def nights(uri: str, jobs: Sequence[str]) -> list[Night]:
    """The last nights of some jobs, each job's until its own last, in order of job and night."""
    with _snapshot(uri) as connection:
        return _nights(connection, jobs, None)


def run_of(uri: str, job: str, trigger: str) -> int | None:
    """The last run of a job that was started by `trigger`, such as an Airflow DAG run's id; None if there is none."""
    with _snapshot(uri) as connection:
        found = connection.execute(sa.text(_TRIGGERED), {"job": job, "trigger": trigger})
        return found.scalar_one_or_none()


def job_of(uri: str, run_id: int) -> str | None:
    """The job whose run this is; None if there is no such run."""
    with _snapshot(uri) as connection:
        return connection.execute(sa.text(_JOB), {"run_id": run_id}).scalar_one_or_none()


@contextmanager
def _snapshot(uri: str) -> Iterator[sa.Connection]:
    with engine(uri).connect() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        # A page that takes longer is not waited for, and must not keep the database busy.
        connection.execute(sa.text("SET LOCAL statement_timeout = '30s'"))
        yield connection


def _nights(connection: sa.Connection, jobs: Sequence[str], until: date | None) -> list[Night]:
    asked = {"jobs": list(jobs), "until": until, "nights": NIGHTS}
    return [Night(**row) for row in connection.execute(sa.text(_NIGHTS), asked).mappings()]


_RUN = """
SELECT run.*, pointer.run_id AS shown_run_id, shown.served_by AS shown_served_by,
       shown.staleness_days AS shown_staleness_days, shown.model_version AS shown_model_version,
       (SELECT max(earlier.run_id) FROM scoring.scoring_runs AS earlier
        WHERE earlier.job = run.job AND earlier.score_date = run.score_date AND earlier.published_at IS NOT NULL
          AND earlier.run_id < pointer.run_id) AS previous_run_id,
       (SELECT max(later.run_id) FROM scoring.scoring_runs AS later
        WHERE later.job = run.job AND later.score_date = run.score_date AND later.status = 'failed'
          AND NOT later.dry_run AND later.run_id > pointer.run_id) AS failed_run_id
FROM scoring.scoring_runs AS run
LEFT JOIN scoring.current_runs AS pointer USING (job, score_date)
LEFT JOIN scoring.scoring_runs AS shown ON shown.run_id = pointer.run_id
WHERE run.run_id = :run_id
"""
_PARTS = """
SELECT part, rows_extracted, rows_rejected, rows_scored, rows_erased, written_at
FROM scoring.run_parts WHERE run_id = :run_id ORDER BY part
"""
_METRICS = "SELECT metric, value FROM scoring.run_metrics WHERE run_id = :run_id ORDER BY metric"
_FEATURES = """
SELECT feature, metric, value FROM scoring.feature_metrics WHERE run_id = :run_id ORDER BY feature, metric
"""
_PROFILES = """
SELECT column_name, label, count AS counted FROM scoring.profiles WHERE run_id = :run_id ORDER BY column_name, bin
"""
_REJECTED = """
SELECT column_name, rule, count(*) AS rows FROM scoring.rejections WHERE run_id = :run_id
GROUP BY column_name, rule ORDER BY rows DESC, column_name, rule
"""
_OUTCOMES = """
SELECT metric, value FROM scoring.outcome_metrics WHERE run_id = :run_id AND slice_column = '' ORDER BY metric
"""
_TRIGGERED = """
SELECT run_id FROM scoring.scoring_runs WHERE job = :job AND trigger = :trigger ORDER BY run_id DESC LIMIT 1
"""
_JOB = "SELECT job FROM scoring.scoring_runs WHERE run_id = :run_id"
_NIGHTS = """
WITH span AS (
    -- A night that was abandoned, as one without rows, is no reason to lose the last that was not out of sight.
    SELECT job, coalesce(CAST(:until AS date), max(score_date) FILTER (WHERE status <> 'abandoned'), max(score_date))
               AS until
    FROM scoring.scoring_runs WHERE job = ANY(:jobs) AND NOT dry_run GROUP BY job
), tries AS (
    SELECT run.*, pointer.run_id IS NOT NULL AS shown,
           max(run.run_id) FILTER (WHERE run.status = 'held') OVER night AS held_run_id,
           max(run.run_id) FILTER (WHERE run.status = 'failed') OVER night AS last_failed_run_id,
           row_number() OVER (night ORDER BY pointer.run_id IS NOT NULL DESC, run.run_id DESC) AS place
    FROM span JOIN scoring.scoring_runs AS run USING (job)
    LEFT JOIN scoring.current_runs AS pointer USING (run_id)
    WHERE NOT run.dry_run AND run.score_date > span.until - CAST(:nights AS integer) AND run.score_date <= span.until
    WINDOW night AS (PARTITION BY run.job, run.score_date)
)
SELECT tries.job, tries.score_date, tries.run_id, tries.status, tries.status_reason, tries.served_by,
       tries.staleness_days, tries.rows_scored, tries.rows_rejected, tries.shown, tries.held_run_id,
       CASE WHEN tries.last_failed_run_id > tries.run_id THEN tries.last_failed_run_id END AS failed_run_id,
       tries.decided_by, tries.started_at,
       score.value AS score_mean, jsonb_array_length(tries.findings) AS findings, auc.value AS roc_auc,
       rmse.value AS rmse
FROM tries LEFT JOIN scoring.run_metrics AS score ON score.run_id = tries.run_id AND score.metric = 'score_mean'
LEFT JOIN scoring.outcome_metrics AS auc
  ON auc.run_id = tries.run_id AND auc.slice_column = '' AND auc.metric = 'roc_auc'
LEFT JOIN scoring.outcome_metrics AS rmse
  ON rmse.run_id = tries.run_id AND rmse.slice_column = '' AND rmse.metric = 'rmse'
WHERE tries.place = 1
ORDER BY tries.job, tries.score_date
"""
