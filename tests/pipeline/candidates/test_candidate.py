"""pipeline/candidates/candidate.py: a candidate's number is no version's."""

from tests.home import Home
from tests.pipeline.candidates.drafts import entered


def test_a_candidate_is_named_by_its_number_and_never_as_a_version(home: Home) -> None:
    candidate = entered(home, home.name())
    assert candidate.numbered.version == -candidate.number
    assert candidate.numbered.label == candidate.label == f"shop candidate {candidate.number}"
