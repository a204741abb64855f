"""pipeline/inspection/chain_publications.py: an altered line of `publications`, or another pointer, is named."""

import pytest

from tests.pipeline.inspection.chained import Base


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        ("UPDATE scoring.publications SET by = 'x' WHERE kind = 'rollback'", "publications: the rollback of"),
        ("DELETE FROM scoring.publications WHERE kind = 'approval'", "publications: the line of entry 3"),
        ("UPDATE scoring.current_runs SET run_id = 3 WHERE job = 'job'", "job 2024-03-01 shows run 3, and"),
        ("DELETE FROM scoring.current_runs WHERE job = 'job'", "job 2024-03-01 shows nothing, and not the"),
        ("INSERT INTO scoring.current_runs VALUES ('job', '2024-03-02', 1)", "job 2024-03-02 shows run 1"),
    ],
)
def test_a_publication_of_which_the_chain_speaks_cannot_be_altered(
    chain: Base, statement: str, violation: str
) -> None:
    assert chain.first_violation(statement).startswith(violation)
