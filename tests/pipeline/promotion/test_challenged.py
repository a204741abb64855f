"""pipeline/promotion/challenged.py: which days count as those of a version that was the challenger."""

import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.model import registry
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring.first_run import record
from pipeline.promotion import challenged
from tests.home import Home, shop_model, shop_rows
from tests.pipeline.challenger.nights import challenged as days_of
from tests.pipeline.evaluation.measured import day
from tests.pipeline.evaluation.shop import bought, name_outcomes, opened
from tests.pipeline.shop import Shop

# So many days of one difference decide.
ENOUGH = 12


@pytest.fixture
def shop(home: Home) -> Shop:
    """A shop with a second version that nobody has promoted."""
    shop = opened(home, shop_rows())
    home.model("shop", *shop_model(seed=2), outcome="bought", alias=None)
    name_outcomes(shop, bought(shop_rows()), keys="\n[challenger]")
    return shop


def pair(shop: Shop) -> tuple[PinnedVersion, PinnedVersion]:
    return (
        registry.resolve(shop.home.path, "shop", "champion"),
        registry.resolve(shop.home.path, "shop", "", 2),
    )


def named(version: PinnedVersion, source: str) -> PinnedVersion:
    return replace(version, manifest=version.manifest.model_copy(update={"source": source}))


def test_days_count_of_this_pair_alone_and_of_the_candidate_that_it_was(shop: Shop) -> None:
    former, version = pair(shop)
    uri, job = shop.home.workspace.predictions, shop.home.read(shop.job)
    assert challenged.read(uri, job, (former, version), 0.05) is None
    days_of(shop, [0.1] * 3, first=1, sha256=version.sha256)
    days_of(shop, [-0.5] * 3, first=10)  # other bytes of that number
    days_of(shop, [0.1] * 2, first=20, version=-7, sha256=version.sha256)
    days_of(shop, [-0.5] * 2, first=30, version=3, sha256=version.sha256)
    own = challenged.read(uri, job, (former, version), 0.05)
    assert own is not None
    assert (own.first, own.last, own.paired.dates, own.paired.mean) == (day(1), day(3), 3, 0.1)
    adopted = challenged.read(uri, job, (former, named(version, f"candidate 7 of job {job.name}")), 0.05)
    assert adopted is not None
    assert (adopted.first, adopted.last, adopted.paired.dates) == (day(1), day(21), 5)
    for source in ("candidate 7 of job other", "models:/shop@trial"):
        assert challenged.read(uri, job, (former, named(version, source)), 0.05) == own
    within = challenged.read(uri, job, (former, version), 0.05, (day(2), day(3)))
    assert within is not None
    assert within.paired.dates == 2
    elsewhere = replace(former, sha256="0" * 64)
    assert challenged.read(uri, job, (elsewhere, version), 0.05) is None


def test_its_days_promote_a_version_whose_dates_cannot_be_replayed_any_more(shop: Shop) -> None:
    home = shop.home
    days_of(shop, [0.1] * ENOUGH, first=1, sha256=pair(shop)[1].sha256)
    shutil.rmtree(home.path / "store")
    done = CliRunner().invoke(app, ["promote", "shop", "2", "--by", "ada"])
    assert done.exit_code == 0, done.output
    for sentence in (
        f"  As the challenger from {day(1)} to {day(ENOUGH)}, shop version 2 beside version 1, on {ENOUGH} dates: "
        "better. Its log_loss is 0.1000 lower a day, between",
        f"  {shop.job}: none of its published dates could be compared.",
        f"The first run of {shop.job} is not held for its scores: too few dates say how far they may move.",
    ):
        assert sentence in done.output
    assert "Of 0 entities" not in done.output
    promotion = record.read(home.path, "champion", registry.resolve(home.path, "shop", "champion"))
    assert promotion is not None
    (evidence,) = promotion.jobs
    assert evidence.challenger is not None
    assert (evidence.verdict, evidence.entities, evidence.challenger.paired.dates) == ("better", 0, ENOUGH)
    card = CliRunner().invoke(app, ["card", "shop", "2"]).output
    assert (
        f"  - {shop.job}: as the challenger from {day(1)} to {day(ENOUGH)} better on {ENOUGH} dates" in card
    )
    assert f"  - {shop.job}: no date could be replayed" in card


def test_a_challenger_that_was_worse_is_refused(shop: Shop) -> None:
    days_of(shop, [-0.1] * ENOUGH, first=1, sha256=pair(shop)[1].sha256)
    done = CliRunner().invoke(app, ["promote", "shop", "2", "--by", "ada"])
    assert str(done.exception) == (
        f"shop version 2 is not promoted: by the outcomes of {shop.job} it is worse, and not better. To promote it "
        'all the same: --reason "WHY".'
    )
