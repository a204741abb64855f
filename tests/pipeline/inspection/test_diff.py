"""The difference between two runs, held against pandas, which takes the long way."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.databases import statements
from pipeline.errors import NothingToDo
from pipeline.inspection.diff import CompareError, compare, with_published
from pipeline.runs.ledger import LedgerError
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.inspection.test_slices import diff, sliced
from tests.pipeline.shop import Shop, open_shop


def scores(shop: Shop, run_id: int) -> pd.DataFrame:
    """A run's scores, by entity."""
    query = "SELECT entity_id, score, label FROM scoring.prediction_rows WHERE run_id = :run_id"
    return pd.DataFrame(shop.home.sql(query, run_id=run_id)).set_index("entity_id")


def test_a_changed_night_as_pandas_sees_it(shop: Shop) -> None:
    sliced(shop, "channel", "member")
    before = shop.home.score(shop.job)
    first = shop.home.sql(f"SELECT entity_id, channel, member FROM {shop.table}", "warehouse_owner")
    shop.change("visits = visits + 3, channel = 'web'", "entity_id LIKE '%3'")
    shop.change("member = NOT member", "entity_id LIKE '%8'")
    shop.home.sql(f"DELETE FROM {shop.table} WHERE entity_id LIKE '%5'", "warehouse_owner")
    late = f"INSERT INTO {shop.table} SELECT 'late ' || entity_id, amount, visits, channel, member FROM {shop.table}"
    shop.home.sql(f"{late} WHERE entity_id LIKE '%1'", "warehouse_owner")
    after = shop.home.score(shop.job)
    second = shop.home.sql(f"SELECT entity_id, channel, member FROM {shop.table}", "warehouse_owner")

    difference = diff(shop, before.run_id, after.run_id, top=7)

    sides = [scores(shop, run.run_id).add_suffix(word) for run, word in ((before, "_from"), (after, "_to"))]
    pairs = sides[0].join(sides[1], how="outer")
    change = pairs["score_to"] - pairs["score_from"]
    moved = change.dropna()[change.dropna() != 0].abs()
    cuts = np.quantile(pairs["score_from"].dropna(), np.arange(1, 10) / 10, method="inverted_cdf")
    both = pairs.dropna()
    tenths = [np.searchsorted(cuts, both[column], "right") for column in ("score_from", "score_to")]
    assert (difference.before.entities, difference.after.entities) == (100, 100)
    assert (difference.appeared, difference.vanished, difference.changed) == (10, 10, len(moved))
    assert difference.changed == 20
    assert difference.mean_change == pytest.approx(moved.mean(), rel=1e-12)
    assert difference.max_change == moved.max()
    assert difference.deciles == list(cuts)
    assert difference.crossed_decile == (tenths[0] != tenths[1]).sum() > 0
    assert difference.relabelled == (both["label_from"] != both["label_to"]).sum() > 0
    assert [one.entity_id for one in difference.largest] == sorted(
        moved.index, key=lambda name: (-moved[name], name)
    )[:7]
    assert [(one.before, one.after) for one in difference.largest] == [
        tuple(pairs.loc[one.entity_id, ["score_from", "score_to"]]) for one in difference.largest
    ]
    assert [change.what for change in difference.lineage] == ["input"]

    kept = (
        pd.concat([pd.DataFrame(second), pd.DataFrame(first)])
        .drop_duplicates("entity_id")
        .set_index("entity_id")
    )
    for column in ("channel", "member"):
        by = pairs.assign(changed=change.fillna(0) != 0).join(kept).groupby(column)
        expected = pd.DataFrame(
            {
                "entities": by.size(),
                "appeared": by["score_from"].apply(lambda values: values.isna().sum()),
                "vanished": by["score_to"].apply(lambda values: values.isna().sum()),
                "changed": by["changed"].sum(),
                "mean_before": by["score_from"].mean(),
                "mean_after": by["score_to"].mean(),
            }
        )
        expected.index = expected.index.astype(str).str.lower()
        got = pd.DataFrame([asdict(one) for one in difference.slices if one.column == column])
        assert list(got["entities"]) == sorted(got["entities"], reverse=True)
        pd.testing.assert_frame_equal(
            got.set_index("value")[expected.columns],
            expected,
            check_names=False,
            check_like=True,
            check_dtype=False,
        )
    assert difference.notes == []


def test_nothing_is_computed_once_for_every_entity(shop: Shop) -> None:
    """Seen on a table without statistics: the planner sorted the first run's scores again for every pair."""
    run_id = shop.home.score(shop.job).run_id
    values: dict[str, Any] = {"before": run_id, "after": run_id, "before_date": NIGHT, "after_date": NIGHT}
    query = f"EXPLAIN (ANALYZE, FORMAT JSON) {statements.load('inspection/diff')['summary']}"
    [row] = shop.home.sql(query, **values)

    def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield plan
        for below in plan.get("Plans", []):
            yield from nodes(below)

    plan_nodes = list(nodes(row["QUERY PLAN"][0]["Plan"]))
    assert any(node["Node Type"] == "Aggregate" for node in plan_nodes)
    assert {
        node["Actual Loops"] for node in plan_nodes if node["Node Type"] in ("Aggregate", "Sort", "Seq Scan")
    } == {1}


def test_late_rows_make_a_new_run_and_are_counted(shop: Shop) -> None:
    """The fault matrix' row 20: rows arrive after the night was published, and it is scored again."""
    before = shop.home.score(shop.job)
    late = f"INSERT INTO {shop.table} SELECT 'late ' || entity_id, amount, visits, channel, member FROM {shop.table}"
    shop.home.sql(f"{late} WHERE entity_id < 'customer-00007'", "warehouse_owner")
    after = shop.home.score(shop.job)
    assert after.replaced_run_id == before.run_id
    difference = diff(shop, before.run_id, after.run_id)
    assert (difference.appeared, difference.vanished, difference.changed, difference.largest) == (7, 0, 0, [])
    assert (difference.mean_change, difference.max_change, difference.crossed_decile) == (None, None, 0)
    assert len(shop.predictions()) == 107


def test_two_nights_are_compared_as_two_runs_of_one_are(shop: Shop) -> None:
    before, after = (shop.home.score(shop.job, NIGHT + timedelta(days=number)) for number in (0, 1))
    difference = diff(shop, before.run_id, after.run_id)
    assert (difference.appeared, difference.vanished, difference.changed) == (0, 0, 0)
    assert (difference.before.score_date, difference.after.score_date) == (NIGHT, NIGHT + timedelta(days=1))


def test_the_probabilities_of_the_classes_are_compared_too(home: Home) -> None:
    rows = shop_rows(60)[["entity_id", "visits"]]
    job = home.job(f"SELECT * FROM {home.table(rows)}", "thirds")
    runs = []
    for strength in (0.1, 10):
        model = LogisticRegression(C=strength).fit(rows[["visits"]], rows["visits"] % 3)
        home.model("thirds", model, rows[["visits"]])
        runs.append(home.score(job).run_id)
    assert compare(home.workspace, *runs).class_scores_changed == 60
    assert compare(home.workspace, runs[1], runs[1]).class_scores_changed == 0


def test_a_held_run_is_compared_with_what_is_published(shop: Shop) -> None:
    published = shop.home.score(shop.job)
    assert with_published(shop.home.workspace.predictions, published.run_id) is None
    shop.change("visits = visits + 3", "entity_id LIKE '%3'")
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    held = shop.home.last_run(shop.job)["run_id"]
    difference = with_published(shop.home.workspace.predictions, held)
    assert difference is not None
    assert (difference.before.run_id, difference.after.run_id, difference.after.status) == (
        published.run_id,
        held,
        "held",
    )
    assert difference.changed == 10


def test_a_held_run_of_the_first_night_has_nothing_to_be_compared_with(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    assert with_published(shop.home.workspace.predictions, shop.home.last_run(shop.job)["run_id"]) is None


def test_without_its_job_file_a_run_is_compared_all_the_same(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    (shop.home.path / "dags" / f"{shop.job}.toml").unlink()
    difference = diff(shop, run_id, run_id)
    assert (difference.before.entities, difference.changed) == (100, 0)
    assert difference.notes[0].startswith(f"no slices: no job '{shop.job}' in ")


def test_runs_that_cannot_be_compared_are_refused(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    with pytest.raises(LedgerError, match="no run 987654. `scoring runs` lists them."):
        diff(shop, run_id, 987654)
    shop.change("visits = visits + 1")
    begun = shop.extract()
    with pytest.raises(
        LedgerError, match=f"run {begun.run_id} of {shop.job} 2024-03-01 is running, and was not"
    ):
        diff(shop, run_id, begun.run_id)
    other = open_shop(shop.home)
    elsewhere = other.home.score(other.job).run_id
    with pytest.raises(
        CompareError, match=f"run {run_id} is of job {shop.job}, and run {elsewhere} of {other.job}."
    ):
        diff(shop, run_id, elsewhere)


def test_a_run_whose_rows_are_gone_is_not_taken_for_an_empty_one(shop: Shop) -> None:
    with pytest.raises(NothingToDo, match="a dry run"):
        shop.home.score(shop.job, dry_run=True)
    run_id = shop.home.last_run(shop.job)["run_id"]
    shop.home.sql("DELETE FROM scoring.prediction_rows WHERE run_id = :run_id", run_id=run_id)
    with pytest.raises(
        CompareError, match=f"run {run_id} scored 100 rows, and none of them is left in the database"
    ):
        diff(shop, run_id, run_id)
