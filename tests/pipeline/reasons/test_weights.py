"""A finding about a feature says how much of the score it carries, and such findings are ordered by it."""

import re
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.reasons import tries
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.monitoring.training import NIGHTS, night, registered
from tests.pipeline.shop import Shop, open_shop

FOUND = (
    "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    " AND message LIKE 'unusual%'"
)


@pytest.fixture(scope="module")
def nights() -> pd.DataFrame:
    """Training days, each with a level of its own."""
    random = np.random.default_rng(7)
    return pd.concat([night(random, number) for number in range(NIGHTS)], ignore_index=True)


def drift(shop: Shop, day: int) -> str:
    """What a later date's run says of unusual features."""
    done = shop.home.score(shop.job, NIGHT + timedelta(days=day))
    [row] = shop.home.sql(FOUND, run_id=done.run_id)
    return str(row["message"])


def test_it_says_what_each_unusual_feature_carries_and_the_heaviest_comes_first(
    home: Home, nights: pd.DataFrame
) -> None:
    registered(home.path, nights)
    # The amounts are far from training's, and the model ignores them; visits are not as far, and carry most.
    rows = shop_rows(300)
    shop = open_shop(home, rows.assign(amount=2.0, visits=rows["visits"] // 2 + 10))
    path = home.path / "dags" / f"{shop.job}.toml"
    text = path.read_text()
    path.write_text(f"{text}\n[reasons]\norders = 8\n")
    before = drift(shop, 0)
    assert before.startswith("unusual features: amount: ")
    assert "carries" not in before
    run = home.last_run(shop.job)["run_id"]
    assert tries.whole(home.workspace, home.read(shop.job), run) == ""
    after = drift(shop, 1)
    assert re.match(
        r"unusual features: visits: .*, and carries \d\d % of the score; amount: .*, and carries nothing of the score",
        after,
    )
    path.write_text(f'{text}\n[reasons]\norders = 8\n[reasons.groups]\nbasket = ["amount", "visits"]\n')
    run = home.last_run(shop.job)["run_id"]
    assert tries.whole(home.workspace, home.read(shop.job), run) == ""
    grouped = drift(shop, 2)
    assert "and moves with basket, which carries " in grouped
    path.write_text(text)
    assert "carries" not in drift(shop, 3)


def test_a_run_that_nobody_has_published_says_nothing_to_those_who_read_later_findings(
    home: Home, nights: pd.DataFrame
) -> None:
    registered(home.path, nights)
    shop = open_shop(home, shop_rows(300).assign(amount=2.0))
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    assert tries.whole(home.workspace, home.read(shop.job), shop.hold()) == ""
    assert "carries" not in drift(shop, 1)
