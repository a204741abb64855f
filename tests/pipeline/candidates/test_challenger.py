"""pipeline/candidates/challenger.py: the newest candidate scores beside the champion, and none that is the champion."""

from pipeline.candidates import challenger, content
from pipeline.candidates.candidate import Candidate
from pipeline.model import registry
from tests.home import Home, shop_model
from tests.pipeline.candidates.drafts import entered


def test_the_newest_candidate_is_handed_on_as_json_and_loaded(home: Home) -> None:
    job = home.read(home.job("SELECT 1", "shop"))
    assert challenger.latest(home.workspace, job) is None
    first = entered(home, job.name)
    # The champion has the same bytes: there is nothing to compare.
    assert challenger.latest(home.workspace, job) is None
    home.model("shop", *shop_model(seed=1), outcome="bought")
    chosen = challenger.latest(home.workspace, job)
    assert chosen == first
    handed = Candidate.read(chosen.json_value())
    model = registry.load(content.pinned(home.path, handed))
    assert model.manifest.version == -first.number
