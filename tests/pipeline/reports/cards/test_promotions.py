"""pipeline/reports/cards/promotions.py: both tests of a promotion are shown, and no other job's to a reader of one."""

from datetime import date

from pipeline.model import registry
from pipeline.monitoring.first_run.evidence import Challenged, Paired
from pipeline.reports.cards.promotions import lines
from tests.home import Home, shop_model
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.shop import open_shop


def test_evidence_of_a_replay_and_of_a_challenger_by_job(home: Home) -> None:
    open_shop(home)
    pinned = registry.resolve(home.path, "shop", "champion")
    test = Paired(verdict="better", dates=60, mean=0.02, low=0.01, high=0.03, evidence=1.5)
    beside = Challenged(first=date(2024, 1, 1), last=date(2024, 3, 1), paired=test)
    challenged = evidence_of("nightly").model_copy(update={"challenger": beside, "entities": 0})
    keep(home.path, promotion_of(pinned, 7, challenged, evidence_of("other"), reason="a\n## heading"))
    assert list(lines(home.path, pinned, None)) == [
        "Aliases that name it: champion.\n",
        "- ada promoted it to champion after version 7, because: a ## heading.",
        "  - nightly: as the challenger from 2024-01-01 to 2024-03-01 better on 60 dates, log_loss -0.0200 a day "
        "(-0.0300 to -0.0100)",
        "  - nightly: no date could be replayed",
        "  - other: better on 12 dates, log_loss -0.0100 a day; groups in which it is worse: none; 0.0% of entities "
        "move to another tenth",
    ]
    versions = home.path / "models" / "shop" / "versions.toml"
    home.model("shop", *shop_model(seed=1), alias=None)
    versions.write_text(versions.read_text().replace("champion = 1", "champion = 2"))
    assert list(lines(home.path, pinned, None))[1].endswith("## heading. By now champion names 2.")
    assert not [line for line in lines(home.path, pinned, ["nightly"]) if "other:" in line]
