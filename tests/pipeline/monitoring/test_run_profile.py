"""pipeline/monitoring/run_profile.py: a run's profile is in the database, bin by bin."""

import re
from datetime import timedelta

import pandas as pd

from pipeline.monitoring.profile import SCORE
from pipeline.reports.report import report
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.training import NIGHTS, registered, season
from tests.pipeline.shop import open_shop


def test_the_profile_in_the_database_adds_up_to_the_rows(home: Home) -> None:
    shop = open_shop(home)
    done = home.score(shop.job)
    query = "SELECT column_name, sum(count) AS rows FROM scoring.profiles WHERE run_id = :run_id GROUP BY 1"
    rows = {row["column_name"]: int(row["rows"]) for row in home.sql(query, "analyst", run_id=done.run_id)}
    assert rows == dict.fromkeys(["amount", "visits", "channel", "member", SCORE], 100)


def test_a_change_since_the_last_night_is_kept_and_told(home: Home) -> None:
    registered(home.path, pd.concat([season(number) for number in range(NIGHTS)], ignore_index=True))
    shop = open_shop(home, season(60))
    home.score(shop.job)
    shop.change("amount = amount - 120")
    done = home.score(shop.job, NIGHT + timedelta(days=1))
    query = "SELECT message FROM scoring.findings WHERE run_id = :run_id AND check_name = 'drift'"
    (found,) = home.sql(query, run_id=done.run_id)
    message = (
        r"amount: moved by (\d\.\d\d) bins since 2024-03-01 \(none of 119 training days changed as much\)"
    )
    (bins,) = re.findall(message, found["message"])
    assert (
        f"moved by {bins} bins since the previous score date; none of the training days changed as much"
        in " ".join(report(home.server.connections["analyst"], home.path, done.run_id).split())
    )
    query = """SELECT feature, unusual FROM scoring.drift_history
        WHERE run_id = :run_id AND round(change_last_night::numeric, 2) = :bins"""
    kept = home.sql(query, "analyst", run_id=done.run_id, bins=float(bins))
    assert kept == [{"feature": "amount", "unusual": True}]
