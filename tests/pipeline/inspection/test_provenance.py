"""From one score back to all that made it, and forward to why another run gave another."""

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline.inspection.provenance import Rule, TraceError, changes, trace
from pipeline.runs import code_version
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop

ENTITY = "customer-00042"


class Crowd(RegressorMixin, BaseEstimator):
    """A regressor whose scores depend on how many rows it gets at a time, as the last bits of others do."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The number of rows."""
        return np.full(len(frame), float(len(frame)))


def test_all_that_made_a_score_is_there(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    provenance = trace(shop.home.workspace, run_id, ENTITY)
    seen = shop.predictions().set_index("entity_id").loc[ENTITY]
    [row] = shop.home.sql(
        f"SELECT * FROM {shop.table} WHERE entity_id = :entity", "warehouse_owner", entity=ENTITY
    )
    assert provenance.kept is not None
    assert (provenance.kept.score, provenance.kept.label, provenance.kept.class_scores) == (
        seen["score"],
        seen["label"],
        None,
    )
    assert (provenance.equal, provenance.again) == (True, provenance.kept)
    assert {name: one.value for name, one in provenance.inputs.items()} == {
        name: row[name] for name in ("amount", "visits", "channel", "member")
    }
    assert list(provenance.inputs) == ["amount", "visits", "channel", "member"]
    assert provenance.inputs["visits"].dtype == "int64"
    assert (provenance.part, provenance.rejected, provenance.notes) == (1, [], [])
    assert provenance.query_file == f"{shop.job}.sql"
    assert provenance.query == f"SELECT * FROM {shop.table} ORDER BY entity_id"
    assert (provenance.run["model_name"], provenance.run["model_version"]) == ("shop", 1)
    assert provenance.run["code_version"] == code_version.code_version()
    assert provenance.run["job_sha256"] == shop.home.read(shop.job).sha256


def test_a_row_is_scored_again_among_the_rows_beside_which_it_was_scored(home: Home) -> None:
    home.model("crowd", Crowd(), shop_rows(40)[["visits"]])
    run_id = home.score(
        home.job(f"SELECT * FROM {home.table(shop_rows(70))} ORDER BY entity_id", "crowd")
    ).run_id
    for entity, rows in (("customer-00007", 40.0), ("customer-00069", 30.0)):
        provenance = trace(home.workspace, run_id, entity)
        assert provenance.kept is not None
        assert (provenance.kept.score, provenance.equal) == (rows, True)


def test_a_rejected_row_has_its_rules(shop: Shop) -> None:
    shop.change("channel = NULL, visits = NULL", f"entity_id = '{ENTITY}'")
    run_id = shop.home.score(shop.job).run_id
    provenance = trace(shop.home.workspace, run_id, ENTITY)
    assert (provenance.kept, provenance.again, provenance.equal, provenance.part) == (None, None, None, None)
    assert provenance.rejected == [Rule(42, "channel", "null"), Rule(42, "visits", "null")]


def test_an_unknown_entity_gets_the_nearest(shop: Shop) -> None:
    before = shop.home.score(shop.job).run_id
    shop.change("entity_id = 'client'", f"entity_id = '{ENTITY}'")
    after = shop.home.score(shop.job).run_id
    with pytest.raises(TraceError) as gone:
        trace(shop.home.workspace, after, ENTITY)
    assert str(gone.value) == (
        f"run {after} has neither scored nor rejected entity 'customer-00042'. Other runs of {shop.job} 2024-03-01 "
        f"have: name one of {before}."
    )
    with pytest.raises(TraceError, match="The nearest entity is 'customer-00040'. Correct the name or run"):
        trace(shop.home.workspace, after, "customer-0004")


def test_what_changed_an_entitys_score_between_two_runs_is_named(shop: Shop) -> None:
    before = shop.home.score(shop.job).run_id
    shop.change("visits = 99", f"entity_id = '{ENTITY}'")
    after = shop.home.score(shop.job).run_id
    old, new = (trace(shop.home.workspace, run_id, ENTITY) for run_id in (before, after))
    [change] = changes(old, new)
    assert (change.what, change.after) == ("visits", 99)
    assert old.kept is not None
    assert new.kept is not None
    assert change.before == old.inputs["visits"].value
    assert new.kept.score > old.kept.score
    neighbour = [trace(shop.home.workspace, run_id, "customer-00043") for run_id in (before, after)]
    assert changes(*neighbour) == []


def test_a_model_that_takes_other_columns_is_told_with_them(home: Home) -> None:
    shop = open_shop(home)
    before = shop.home.score(shop.job).run_id
    fewer = shop_rows(400)[["visits"]]
    shop.home.model("shop", Crowd(), fewer)
    after = shop.home.score(shop.job).run_id
    changed = changes(*(trace(shop.home.workspace, run_id, ENTITY) for run_id in (before, after)))
    after_by_name = {change.what: change.after for change in changed}
    assert after_by_name.keys() == {"model version", "model bytes", "amount", "channel", "member"}
    assert after_by_name["channel"] is None


def test_without_its_part_the_rest_is_told(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    shutil.rmtree(Path(shop.home.store) / shop.job / NIGHT.isoformat())
    provenance = trace(shop.home.workspace, run_id, ENTITY)
    assert provenance.kept is not None
    assert (provenance.inputs, provenance.again, provenance.equal) == ({}, None, None)
    assert provenance.notes == [
        f"{shop.job}/2024-03-01/{run_id}/part-00001.parquet is no longer in the store: neither input nor score of today"
    ]


def test_without_its_model_the_inputs_are_told(home: Home) -> None:
    shop = open_shop(home)
    run_id = shop.home.score(shop.job).run_id
    (shop.home.path / "models" / "shop" / "1" / "model.joblib").unlink()
    provenance = trace(shop.home.workspace, run_id, ENTITY)
    assert provenance.equal is None
    assert provenance.inputs["channel"].value in ("web", "shop", "phone")
    assert "model.joblib cannot be read" in provenance.notes[0]


def test_a_query_that_has_changed_since_is_not_shown_as_the_runs(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    shop.query("SELECT * FROM {table}")
    provenance = trace(shop.home.workspace, run_id, ENTITY)
    assert (provenance.query_file, provenance.query) == (f"{shop.job}.sql", None)
