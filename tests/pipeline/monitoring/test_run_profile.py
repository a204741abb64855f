"""pipeline/monitoring/run_profile.py: a run's profile is in the database, bin by bin."""

from pipeline.monitoring.profile import SCORE
from tests.home import Home
from tests.pipeline.shop import open_shop


def test_the_profile_in_the_database_adds_up_to_the_rows(home: Home) -> None:
    shop = open_shop(home)
    done = home.score(shop.job)
    query = "SELECT column_name, sum(count) AS rows FROM scoring.profiles WHERE run_id = :run_id GROUP BY 1"
    found = {row["column_name"]: int(row["rows"]) for row in home.sql(query, "analyst", run_id=done.run_id)}
    assert found == dict.fromkeys(["amount", "visits", "channel", "member", SCORE], 100)
