"""pipeline/inspection/chain_runs.py: an altered run or ledger is named; what retention explains is not."""

import pytest

from pipeline.inspection.chain import walk
from tests.pipeline.inspection.chained import Base

RUN = "UPDATE scoring.scoring_runs SET"
GONE = f"DELETE FROM scoring.current_runs WHERE run_id = 5; {RUN} status = 'superseded', expired_at = now()"


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        (f"{RUN} rows_scored = 0, rows_extracted = 0 WHERE run_id = 1", "run 1 of job 2024-03-01 or its"),
        (f"{RUN} model_sha256 = 'other' WHERE run_id = 2", "run 2 of job 2024-03-01 or its ledger"),
        (f"{RUN} findings = '[]' WHERE run_id = 4", "run 4 of job 2024-03-01 or its ledger"),
        (f"{RUN} decided_by = 'bob' WHERE run_id = 3", "run 3 of job 2024-03-01 or its ledger"),
        (f"{RUN} decided_as = 'bob' WHERE run_id = 4", "run 4 of job 2024-03-01 or its ledger"),
        (f"{RUN} started_at = '2024-01-01' WHERE run_id = 3", "run 3 of job 2024-03-01 or its ledger"),
        ("UPDATE scoring.run_parts SET scored_sha256 = 'x' WHERE run_id = 3", "run 3 of job 2024-03-01 or"),
        ("DELETE FROM scoring.run_parts WHERE run_id = 1", "run 1 of job 2024-03-01 or its ledger was"),
        ("DELETE FROM scoring.scoring_runs WHERE run_id = 4", "run 4 is gone, and entry 4 (rejection"),
        (
            f"{RUN} status = 'superseded' WHERE run_id = 5",
            "run 5 of other 2024-03-01 is superseded, and not pub",
        ),
        (f"{RUN} status = 'held' WHERE run_id = 3", "run 3 of job 2024-03-01 is held, and not superseded"),
        (f"{RUN} status = 'held' WHERE run_id = 4", "run 4 of job 2024-03-01 is held, and not abandoned as"),
        (f"{GONE} WHERE run_id = 5", "run 5 of other 2024-03-01 expired on 20"),
    ],
)
def test_a_run_of_which_the_chain_speaks_cannot_be_altered(
    chain: Base, statement: str, violation: str
) -> None:
    assert chain.first_violation(statement).startswith(violation)


@pytest.mark.parametrize(
    ("days", "entered", "expired", "explained"),
    [
        ("1", "now() - interval '1 day'", "25 hours", True),
        ("1", "now() - interval '1 day'", "1 hour", False),
        ("NULL", "now() - interval '1 day'", "25 hours", False),
        ("NULL", "now() + interval '1 day'", "1 hour", True),  # by other days, which nobody knows any more
    ],
)
def test_a_published_run_expires_by_its_jobs_retention_alone(
    chain: Base, days: str, entered: str, expired: str, explained: bool
) -> None:
    kept = f"INSERT INTO scoring.retention VALUES ('other', 1, 1, 1, {days}, {entered}, 'scoring_owner')"
    with chain.altered(f"{GONE} + interval '{expired}' WHERE run_id = 5", kept) as connection:
        assert (walk(connection).violations == ()) == explained


@pytest.mark.parametrize(
    ("days", "entered", "expired", "explained"),
    [
        ("7", "now() - interval '1 day'", "8 days", True),
        ("7", "now() - interval '1 day'", "1 day", False),
        ("7", "now() + interval '1 day'", "1 hour", True),  # by other days, which nobody knows any more
    ],
)
@pytest.mark.parametrize("run", [1, 3, 4], ids=["replaced", "rolled back", "rejected"])
def test_a_run_that_is_not_shown_expires_by_its_jobs_retention_alone(
    chain: Base, run: int, days: str, entered: str, expired: str, explained: bool
) -> None:
    kept = f"INSERT INTO scoring.retention VALUES ('job', 1, 1, {days}, 1, {entered}, 'scoring_owner')"
    with chain.altered(
        f"{RUN} expired_at = now() + interval '{expired}' WHERE run_id = {run}", kept
    ) as connection:
        violations = walk(connection).violations
    assert (violations == ()) == explained
    assert all(violation.startswith(f"run {run} of job 2024-03-01 expired on 20") for violation in violations)
