"""pipeline/monitoring/findings.py: what is unusual is a sentence with the gate's action."""

import re
from datetime import timedelta

import pandas as pd
import pytest

from pipeline.model.manifest import PinnedVersion
from pipeline.monitoring import references
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


def test_the_last_nights_rows_again_are_told(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    again = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    rows = [row["message"] for row in home.sql(query, run_id=again.run_id)]
    assert any("all 100 rows look exactly like those of 2024-03-01" in message for message in rows)
    query = "SELECT value FROM scoring.run_metrics WHERE run_id = :run_id AND metric = 'score_psi_last_night'"
    assert home.sql(query, run_id=again.run_id) == [{"value": 0.0}]
