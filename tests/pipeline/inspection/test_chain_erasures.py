"""pipeline/inspection/chain_erasures.py: an altered receipt or an unexplained rewrite is named; erasures are not."""

import pytest
import sqlalchemy as sa

from pipeline.inspection.chain import walk
from tests.pipeline.inspection.chained import Base

FORGED = """
INSERT INTO scoring.rewrites (rewrite_id, run_id, part, kind, sha256, sha256_next) OVERRIDING SYSTEM VALUE
VALUES (1, 5, 0, 'scored', 's', 'x')
"""
SWAPPED = "UPDATE scoring.run_parts SET scored_sha256 = 'x' WHERE run_id = 5"


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        ("UPDATE scoring.erasures SET erased_by = 'bob'", "the receipt of erasure 1 was altered since"),
        ("DELETE FROM scoring.erasures", "the receipt of erasure 1 is gone, and entry 6"),
        (
            "UPDATE scoring.run_parts SET rows_erased = 1 WHERE run_id = 5",
            "part 0 of run 5 lost 1 rows, and no",
        ),
        (f"{FORGED}; {SWAPPED}", "rewrite 1 of part 0 of run 5 belongs to no erasure. If"),
    ],
)
def test_an_erasure_of_which_the_chain_speaks_cannot_be_altered(
    chain: Base, statement: str, violation: str
) -> None:
    assert chain.first_violation(statement).startswith(violation)


def test_erasure_and_retention_alter_nothing(chain: Base) -> None:
    aged = "UPDATE scoring.scoring_runs SET status_since = now() - interval '9 days' WHERE run_id <> 2"
    with chain.altered(aged) as connection:
        for statement in (
            "SELECT scoring.plan_rewrite(3, 0, repeat('a', 64), repeat('a', 64))",
            "SELECT scoring.settle_rewrite(3, 0, repeat('a', 64))",
            "SELECT scoring.erase('job', 'e', '{3}', '{}', '{}', '{}', 'cleo', 'asked for')",
            # By days that had been entered before; `aged` runs stand in for a chain that is.
            "INSERT INTO scoring.retention VALUES ('job', 1, 1, 1, 1, 'tomorrow'), ('other', 1, 1, 1, 1, 'tomorrow')",
            "SELECT scoring.expire(run), scoring.expire_parts(run) FROM unnest(ARRAY[1, 3, 4]) AS run",
        ):
            connection.execute(sa.text(statement))
        expired = "SELECT count(*) FROM scoring.scoring_runs WHERE expired_at IS NOT NULL"
        assert connection.execute(sa.text(expired)).scalar_one() == 3
        assert walk(connection).violations == ()
        other = "UPDATE scoring.run_parts SET input_sha256 = 'other' WHERE run_id = 3"
        connection.execute(sa.text(other))
        assert walk(connection).violations == (
            "the input digest of part 0 of run 3 is not what its erasures left",
        )
