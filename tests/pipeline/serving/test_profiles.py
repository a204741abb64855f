"""pipeline/serving/profiles.py: what was asked stands beside the night's, over the same bins, and on the run's page."""

from datetime import date, datetime

import pyarrow as pa

from pipeline.monitoring import references
from pipeline.reports.report import report
from pipeline.serving.profiles import Profiles
from tests.home import Home, shop_model, shop_rows

TODAY = datetime.now().astimezone().date()
ONLINE = (
    "SELECT label, count FROM scoring.online_profiles WHERE job = :job AND column_name = :column ORDER BY bin"
)
REJECTED = "SELECT column_name, rule, count FROM scoring.online_rejections WHERE job = :job"
NULL = {"rejected": [{"column_name": "visits", "rule": "null", "value": None}]}
RAISED = {"rejected": [{"column_name": "(model)", "rule": "model_error", "value": "ValueError"}]}


def test_counts_over_a_nights_bins_add_up_and_stand_on_its_page(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    table = home.table(shop_rows())
    job = home.job(f"SELECT * FROM {table}", "shop")
    login = home.server.connections["predictions_api"]
    rows = pa.RecordBatch.from_pandas(shop_rows(7), pinned.manifest.contract.schema, preserve_index=False)
    scores = [{"score": 0.5}] * 6
    profiles = Profiles(lambda _: login)
    profiles.add(job, TODAY, pinned, rows, [scores[0], NULL, RAISED, *scores[1:]])
    profiles.add(job, TODAY, pinned, rows.slice(0, 6), scores)
    profiles.fold()
    profiles.write()
    profiles.write()
    profiles.add(job, TODAY, pinned, rows.slice(0, 0), [NULL])
    profiles.fold()
    profiles.write()
    counts = {row["label"]: row["count"] for row in home.sql(ONLINE, "analyst", job=job, column="channel")}
    bins = references.load(pinned).bins["channel"]
    scored = rows.filter(pa.array([True, False, *[True] * 5])).column("channel").to_pylist()
    names = scored + rows.column("channel").to_pylist()[:6]
    assert counts == {label: names.count(label) for label in bins.labels}
    assert sum(row["count"] for row in home.sql(ONLINE, "analyst", job=job, column="")) == 12
    assert {tuple(row.values()) for row in home.sql(REJECTED, "analyst", job=job)} == {
        ("visits", "null", 2),
        ("(model)", "model_error", 1),
    }
    run = home.score(job, TODAY).run_id
    page = report(home.server.connections["analyst"], home.path, run)
    assert "The API scored 12 rows by this model." in page
    assert "Rows rejected online" in page


def test_what_a_database_has_not_taken_is_kept_until_its_day_is_over(home: Home) -> None:
    pinned = home.model("shop", *shop_model())
    rows = pa.RecordBatch.from_pandas(shop_rows(2), pinned.manifest.contract.schema, preserve_index=False)
    addresses = ["postgresql://nobody@127.0.0.1:9/predictions?connect_timeout=2"]
    profiles, job = Profiles(lambda _: addresses[-1]), home.name()
    for day in (TODAY, date(2024, 3, 1)):
        profiles.add(job, day, pinned, rows, [{"score": 0.5}] * 2)
    profiles.look()
    assert home.sql(ONLINE, job=job, column="visits") == []
    addresses.append(home.server.connections["predictions_api"])
    profiles.end()
    assert sum(row["count"] for row in home.sql(ONLINE, job=job, column="visits")) == 2
    days = home.sql("SELECT DISTINCT answered_on FROM scoring.online_profiles WHERE job = :job", job=job)
    assert [row["answered_on"] for row in days] == [TODAY], "no other day's counts are ever entered"
