"""pipeline/promotion/evidence.py: what a job gives none of; test_promote.py has the replay."""

import pytest

from pipeline.promotion.evidence import gather
from pipeline.promotion.promote import planned, require_evidence
from pipeline.promotion.sentences import of
from tests.pipeline.shop import Shop


def test_a_job_without_parts_or_outcomes_gives_no_evidence(published: Shop) -> None:
    home, job = published.home, published.home.read(published.job)
    wanted = planned(home.path, "shop", "champion", 2)
    versions_of = (wanted.former, wanted.pinned)
    bare = gather(home.workspace, job.model_copy(update={"outcomes": None}), versions_of, wanted.version)
    assert (bare.verdict, bare.notes) == ("none", (f"{job.name} has no section [outcomes].",))
    store = home.path / "store"
    store.rename(home.path / "elsewhere")
    try:
        gone = gather(home.workspace, job, versions_of, wanted.version)
    finally:
        (home.path / "elsewhere").rename(store)
    assert gone.verdict == "none"
    # After three dates that are gone, those before would be, too.
    assert [note.partition(":")[0][-len("is not compared") :] for note in gone.notes] == [
        *["is not compared"] * 3,
        job.name,
    ]
    with pytest.raises(Exception, match=f"{job.name} gives no evidence"):
        require_evidence(wanted, [gone], " ")
    assert [line for line in of(wanted, [bare]) if "no section" in line] == [f"  {bare.notes[0]}"]
