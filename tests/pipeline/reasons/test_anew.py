"""Reasons that are computed anew are those that are kept, or it is said that they are not."""

import json

import pytest

from pipeline.model.artifact import ModelError
from pipeline.reasons import anew, tries
from pipeline.reasons.work import ReasonsError
from tests.home import Home
from tests.pipeline.reasons.explained import explained
from tests.pipeline.shop import open_shop

PRUNED = "UPDATE scoring.scoring_runs SET parts_pruned_at = '2026-11-30 12:00+00' WHERE run_id = :run"


def test_where_the_parts_had_their_time_that_is_said(home: Home) -> None:
    _, run = explained(home)
    home.sql(PRUNED, run=run)
    with pytest.raises(
        ReasonsError, match=f"the parts of run {run} had their time on 2026-11-30: its reasons are"
    ):
        anew.of_entity(home.workspace, run, "customer-00001")


def test_what_was_altered_in_the_database_is_not_equal_and_what_is_not_there_is_said(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    with pytest.raises(
        ReasonsError, match=f"run {run} of {shop.job} was not explained.*scoring explain {run}"
    ):
        anew.of_entity(home.workspace, run, "customer-00001")
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    assert tries.whole(home.workspace, home.read(shop.job), run) == ""
    assert anew.of_entity(home.workspace, run, "customer-00001").equal is True
    home.sql("UPDATE scoring.reasons SET contribution = contribution + 1e-12 WHERE run_id = :run", run=run)
    assert anew.of_entity(home.workspace, run, "customer-00001").equal is False
    home.sql("DELETE FROM scoring.reasons WHERE run_id = :run", run=run)
    assert anew.of_entity(home.workspace, run, "customer-00001").equal is None
    with pytest.raises(ReasonsError, match=f"run {run} has no score of 'nobody'"):
        anew.of_entity(home.workspace, run, "nobody")


def test_another_background_than_that_of_the_run_is_no_reason_to_compare(home: Home) -> None:
    _, run = explained(home)
    path = home.path / "models" / "shop" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    for row in manifest["background"]:
        row["visits"] += 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=f"run {run} was explained beside other rows of training"):
        anew.of_entity(home.workspace, run, "customer-00001")
