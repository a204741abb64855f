"""pipeline/monitoring/pooled/past_runs.py: which published runs a look has, and what it finds and says of them."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipeline.model import registry
from pipeline.monitoring import references
from pipeline.monitoring.pooled import past_runs
from pipeline.monitoring.pooled.past_runs import PastRun, PastRuns
from pipeline.monitoring.profile import SCORE
from pipeline.payloads import Cost, Deployment, Run
from pipeline.reports.report import report
from tests.home import NIGHT, Home
from tests.pipeline.monitoring.training import NIGHTS, START, night, registered
from tests.pipeline.shop import Shop, open_shop

# The first date that the model was not trained on.
AFTER = START + timedelta(days=NIGHTS)


def run_on(home: Home, shop: Shop, day: date) -> Run:
    """A run of that day, as far as a look asks."""
    row = home.last_run(shop.job)
    pin = {name: row[name] for name in ("model_name", "model_version", "model_sha256")}
    deployment = Deployment(code_version="", pipeline_version="", job_sha256="", query_sha256="")
    return Run(
        run_id=0, job=shop.job, score_date=day, dry_run=False, **pin, deployment=deployment, parts=(), rows_extracted=0,
        rows_rejected=0, features={}, forecast={}, cost=Cost(seconds=0, peak_mb=0),
    )  # fmt: skip


def test_a_fault_that_stays_is_found_once_it_is_told_and_ends(home: Home, nights: pd.DataFrame) -> None:
    registered(home.path, nights)
    random = np.random.default_rng(3)
    rows = pd.concat([night(random, NIGHTS + number) for number in range(9)], ignore_index=True)
    # Each amount a little higher, which no night alone shows; the last night shows another fault by itself.
    last = rows["night"] == rows["night"].max()
    amounts = rows["amount"].mask(last, 0.0).where(last, 128 + random.normal(0, 20, len(rows)))
    shop = open_shop(home, rows.assign(amount=amounts, visits=rows["visits"].mask(last, 19)))
    shop.query(
        "SELECT entity_id, amount, visits, channel, member FROM {table} WHERE night = :score_date ORDER BY entity_id"
    )
    days = [AFTER + timedelta(days=number) for number in range(9)]
    publications = {day: home.score(shop.job, day) for day in days}

    query = """SELECT run.score_date, finding.message FROM scoring.findings AS finding
        JOIN scoring.scoring_runs AS run USING (run_id)
        WHERE run.job = :job AND finding.check_name = 'lasting_drift' ORDER BY 1"""
    messages = {row["score_date"]: row["message"] for row in home.sql(query, job=shop.job)}
    assert list(messages) == days[6:]
    assert "over the last runs taken together: amount: PSI" in messages[days[6]]
    assert "So it is since" not in messages[days[6]]
    assert f"So it is since {days[6]}" in messages[days[7]]
    ongoing = "SELECT findings FROM scoring.scoring_runs WHERE run_id = :run_id"
    by_day = {
        day: {
            each["check"]: each["ongoing"]
            for each in home.sql(ongoing, run_id=publications[day].run_id)[0]["findings"]
        }
        for day in days[6:]
    }
    assert [by_day[day]["lasting_drift"] for day in days[6:]] == [False, True, True]

    view = """SELECT unusualness_7_runs > 1 AS beyond, unusualness_28_runs FROM scoring.drift_history
        WHERE run_id = :run_id AND feature = 'amount'"""
    assert home.sql(view, "analyst", run_id=publications[days[6]].run_id) == [
        {"beyond": True, "unusualness_28_runs": None}
    ]

    page = report(home.server.connections["analyst"], home.path, publications[days[6]].run_id)
    assert "last 7 runs together" in page
    assert (
        "The last 28 runs are looked at together once the model has as many that are published; with this"
        in page
    )

    pinned = registry.resolve(home.path, "shop", "champion")
    reference = references.load(pinned)
    url = home.server.connections["predictions"]
    past = past_runs.read(url, run_on(home, shop, days[8] + timedelta(days=1)), reference)
    assert [run.score_date for run in past.newest_first] == days[::-1]
    (pooled,) = past.pooled
    # Six runs, of which the last was unusual by itself in two columns and in no other.
    assert (pooled.size, pooled.runs["amount"], pooled.runs["visits"], pooled.runs["channel"]) == (6, 5, 5, 6)
    sizes = [publications[day].rows_scored for day in days[3:]]
    assert (pooled.counts["amount"].sum(), pooled.counts["channel"].sum()) == (sum(sizes[:-1]), sum(sizes))
    # Fewer runs than a look has, or over too long a time, are not pooled.
    assert past_runs.read(url, run_on(home, shop, days[6]), reference).pooled != ()
    assert past_runs.read(url, run_on(home, shop, days[5]), reference).pooled == ()
    assert past_runs.read(url, run_on(home, shop, days[8] + timedelta(days=9)), reference).pooled == ()
    # Another model's runs, and dates that the model was trained on, are none of these.
    other = run_on(home, shop, days[8]).model_copy(update={"model_version": 9})
    assert past_runs.read(url, other, reference).newest_first == ()


def past(*lasting: set[str]) -> PastRuns:
    """Runs before, the newest first, with the columns in which each was unusual together."""
    return PastRuns(
        tuple(
            PastRun(number, NIGHT - timedelta(days=number + 1), 100, frozenset(columns))
            for number, columns in enumerate(lasting)
        )
    )


def test_a_fault_goes_on_until_a_run_without_it_or_another_column() -> None:
    assert past().since({"amount"}) is None
    assert past(set(), {"amount"}).since({"amount"}) is None
    assert past({"amount"}, {"amount", SCORE}, set(), {"amount"}).since({"amount"}) == NIGHT - timedelta(
        days=2
    )
    assert past({"amount"}, {"amount"}).since({"amount", SCORE}) is None
