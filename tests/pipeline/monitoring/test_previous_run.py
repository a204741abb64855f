"""pipeline/monitoring/previous_run.py: a run is compared with the one that analysts see for the score date before."""

import re
from datetime import timedelta

import pandas as pd

from pipeline.reports.report import report
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.training import NIGHTS, registered, season
from tests.pipeline.shop import open_shop


def test_a_change_since_the_last_night_is_kept_and_told(home: Home) -> None:
    registered(home.path, pd.concat([season(number) for number in range(NIGHTS)], ignore_index=True))
    shop = open_shop(home, season(60))
    home.score(shop.job)
    shop.change("amount = amount - 120")
    done = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    (found,) = home.sql(query, run_id=done.run_id)
    said = r"amount: moved by (\d\.\d\d) bins since 2024-03-01 \(none of 119 training days changed as much\)"
    (bins,) = re.findall(said, found["message"])
    assert (
        f"moved by {bins} bins since the previous score date; none of the training days changed as much"
        in " ".join(report(home.server.connections["analyst"], home.path, done.run_id).split())
    )
    query = """SELECT feature, unusual FROM scoring.drift_history
        WHERE run_id = :run_id AND round(change_last_night::numeric, 2) = :bins"""
    kept = home.sql(query, "analyst", run_id=done.run_id, bins=float(bins))
    assert kept == [{"feature": "amount", "unusual": True}]
