"""pipeline/monitoring/findings.py: what is unusual is a sentence with the gate's action."""

import re
from datetime import timedelta

import pandas as pd
import pytest

from pipeline.config.sections import GateSection
from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
from pipeline.monitoring.calibration import Distance
from pipeline.monitoring.findings import Weight, lasting
from pipeline.monitoring.pooled.past_runs import PastRun, PastRuns
from pipeline.monitoring.profile import SCORE
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.monitoring.training import START, look, registered
from tests.pipeline.shop import open_shop


def test_without_nights_rows_are_compared_and_the_message_says_that_it_is_weaker(
    pinned: PinnedVersion,
) -> None:
    plain = references.build(shop_rows(400), pinned.manifest)
    assert plain.training_days == ()
    same, other = shop_rows(300, 5).assign(unseen=0.5), shop_rows(300, 5).assign(unseen=0.5, visits=19)
    assert not any(one.unusual for one in look(plain, same, START, 0.01).values())
    assert look(plain, other, START)["visits"].unusual


def test_a_model_without_nights_is_told_of_once_a_night(home: Home) -> None:
    shop = open_shop(home, shop_rows(60).assign(amount=2.0, visits=19, channel="web"))
    shop.configure("min_rows = 1", 'min_rows = 1\nconstant_score = "warn"')
    done = home.score(shop.job)
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    (said,) = (row["message"] for row in home.sql(query, run_id=done.run_id))
    assert len(re.findall("random samples was as far|random samples were as far", said)) == 3
    assert said.count("registered without training days") == 1
    assert said.endswith("Register it with --night-column")


def test_an_unusual_night_is_published_with_a_warning_or_held(home: Home, nights: pd.DataFrame) -> None:
    registered(home.path, nights)
    shop = open_shop(home, shop_rows(300).assign(amount=2.0))
    done = home.score(shop.job)
    query = "SELECT check_name, action, message FROM scoring.findings WHERE run_id = :run_id"
    rows = {row["check_name"]: row for row in home.sql(query, run_id=done.run_id)}
    assert rows["drift"]["action"] == "warn"
    expected = (
        r"unusual features: amount: PSI .* to the training days \(none of 120 training days was as far\)"
    )
    assert re.match(expected, rows["drift"]["message"])
    shop.configure("min_rows = 1", 'min_rows = 1\ndrift = "hold"')
    with pytest.raises(Held, match="unusual features: amount"):
        home.score(shop.job)


def test_what_lasts_is_one_finding_that_says_since_when_and_whether_it_may_be_over() -> None:
    def distance(column: str, unusualness: float, runs: int) -> Distance:
        return Distance(column, 0.04, unusualness, 0, 90, runs=runs)

    before = PastRuns((PastRun(1, NIGHT, 100, frozenset({"amount"})),))
    by_month = distance("amount", 1.4, 28)
    assert lasting((distance("amount", 3, 1), distance("amount", 0.9, 7)), before, GateSection()) == ()
    [begins] = lasting((distance(SCORE, 1.6, 7), by_month, distance("amount", 1.2, 7)), before, GateSection())
    assert not begins.ongoing
    assert begins.message == (
        "unusual over the last runs taken together: the score: PSI 0.040 to the training days, over 7 runs (none of 90 "
        "windows of 7 training days was as far); amount: PSI 0.040 to the training days, over 28 runs (none of 90 "
        "windows of 28 training days was as far)"
    )
    [ends] = lasting((by_month, distance("amount", 0.3, 7)), before, GateSection(lasting_drift="hold"))
    assert (ends.ongoing, ends.action) == (True, "hold")
    assert ends.message.endswith(
        f". So it is since {NIGHT}. The last 7 by themselves are within the limit: it may be over"
    )


def test_features_that_carry_more_of_the_score_come_first() -> None:
    distances = tuple(
        Distance(column, 0.04, unusualness, 0, 90, runs=28)
        for column, unusualness in (("amount", 9.0), ("visits", 1.5), (SCORE, 1.1), ("member", 1.2))
    )
    weights = {"amount": Weight(0.0), "visits": Weight(0.3), "member": Weight(0.002, "people")}
    [finding] = lasting(distances, PastRuns(()), GateSection(), weights)
    order = [finding.message.index(f"{name}: ") for name in ("the score", "visits", "member", "amount")]
    assert order == sorted(order)
    for words in (
        "and carries 30 % of the score",
        "and moves with people, which carries less than 1 % of the score",
        "and carries nothing of the score",
    ):
        assert words in finding.message


def test_the_last_nights_rows_again_are_told(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    again = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    rows = [row["message"] for row in home.sql(query, run_id=again.run_id)]
    assert any("all 100 rows look exactly like those of 2024-03-01" in message for message in rows)
    query = "SELECT value FROM scoring.run_metrics WHERE run_id = :run_id AND metric = 'score_psi_last_night'"
    assert home.sql(query, run_id=again.run_id) == [{"value": 0.0}]
