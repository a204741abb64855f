"""pipeline/monitoring/first_run/findings.py: a first run is held on evidence alone, and says where there is none."""

from datetime import timedelta

import pytest

from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run.findings import findings
from pipeline.monitoring.first_run.movement import Movement
from pipeline.payloads import Cost, Part, Run, Written
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.promotion.versions import better, worse
from tests.pipeline.shop import Shop, open_shop


@pytest.fixture
def first(home: Home) -> Shop:
    """A shop whose champion, version 2, has the bytes of version 1."""
    home.model("shop", *better())
    home.model("shop", *better())
    return open_shop(home)


def pinned_of(shop: Shop) -> PinnedVersion:
    return registry.resolve(shop.home.path, "shop", "champion")


def messages(shop: Shop, former: int | None, moved: dict[str, float]) -> list[tuple[str, str]]:
    """What is said of a run of the champion: actions and messages."""
    pinned, cost = pinned_of(shop), Cost(seconds=0, peak_mb=0)
    part = Part(number=0, rows=100, size=1, sha256="")
    written = [Written(run_id=1, part=part, moved=moved, predict=cost, write=cost)]
    run = Run.model_construct(
        run_id=1,
        job=shop.job,
        score_date=NIGHT,
        model_name="shop",
        model_version=pinned.manifest.version,
        former=former,
    )
    done = findings(shop.home.path, shop.home.read(shop.job), pinned, run, written)
    assert {finding.check for finding in done} <= {"first_run"}
    return [(finding.action, finding.message) for finding in done]


SAME = Movement(100, -0.5, 0.0, 0.0, 0.0).sums()


def test_what_is_said_of_a_first_run(first: Shop) -> None:
    pinned, home = pinned_of(first), first.home.path
    assert messages(first, None, {}) == []
    ((action, message),) = messages(first, 1, {})
    assert (action, message) == (
        "warn",
        "the first run of version 2 of shop after version 1: no promotion is recorded, so nothing says how far its "
        "scores may move. Promote by `scoring promote shop VERSION`",
    )
    keep(home, promotion_of(pinned, 1, reason="the source has changed"))
    ((action, message),) = messages(first, 1, {})
    assert action == "warn"
    assert message.endswith(
        "ada promoted it without evidence, because: the source has changed. So nothing says how far its scores may "
        "move"
    )
    keep(home, promotion_of(pinned, 1, evidence_of(first.job)))
    assert messages(first, 1, SAME) == []
    ((action, message),) = messages(first, 1, Movement(100, -0.5, 0.4, 0.2, 0.1).sums())
    assert action == "hold"
    assert (
        "(12 dates; here 100 rows, in log-odds): the mean difference is +0.4, and -0.0699 to +0.0699"
        in message
    )
    assert messages(first, 1, {})[0] == (
        "warn",
        "the first run of version 2 of shop after version 1 could not be compared with version 1 on the same rows. "
        "The log of the task predict says why, and the other checks hold",
    )
    assert "compares it with version 1" in messages(first, 3, SAME)[0][1]
    keep(home, promotion_of(pinned, 1, evidence_of(first.job))).write_text("{}")
    ((action, message),) = messages(first, 1, SAME)
    assert action == "hold"
    assert "Restore it from git" in message
    first.configure(r"\[gate\]", '[gate]\nfirst_run = "warn"')
    assert messages(first, 1, SAME)[0][0] == "warn"


def test_a_night_is_held_whose_scores_are_not_those_that_the_evidence_saw(first: Shop) -> None:
    home, path = first.home, first.home.path / "models" / "shop" / "versions.toml"
    keep(home.path, promotion_of(pinned_of(first), 1, evidence_of(first.job)))
    home.score(first.job, NIGHT, model_version=1)
    assert home.last_run(first.job)["findings"] == []
    home.score(first.job, NIGHT + timedelta(days=1))
    assert [one["check"] for one in home.last_run(first.job)["findings"]] == ["drift"]  # the same rows again
    # The former version comes back, and then another whose record is of other scores.
    path.write_text(path.read_text().replace("champion = 2", "champion = 1"))
    home.score(first.job, NIGHT + timedelta(days=2))
    assert "first_run" not in [one["check"] for one in home.last_run(first.job)["findings"]]
    home.model("shop", *worse())
    keep(home.path, promotion_of(pinned_of(first), 1, evidence_of(first.job)))
    with pytest.raises(
        Held, match="moves the scores of the same rows more than the promotion's evidence said"
    ):
        home.score(first.job, NIGHT + timedelta(days=3))
