"""Entities whose score lies in another tenth than on the date before get reasons, and nobody else."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import NothingToDo
from pipeline.maintenance import erasure
from pipeline.reasons import anew, changes, explaining, tries
from pipeline.reasons.work import ReasonsError
from pipeline.runs import folders
from pipeline.store.layout import RunRef
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop

NEXT = date(2024, 3, 3)
AT = "SELECT entity_id, score FROM scoring.prediction_rows WHERE run_id = :run"

FORGOTTEN = "UPDATE scoring.explanations SET began_at = now() - interval '2 days' WHERE run_id = :run"


def two_dates(home: Home) -> tuple[Shop, int, int]:
    """A shop with two published dates: on the second some visit more, one has gone, and another has come."""
    shop = open_shop(home, shop_rows(101))
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f'{path.read_text()}\n[reasons]\norders = 8\nrows = "changed"\n')
    shop.query("SELECT * FROM {table} WHERE entity_id <> 'customer-00100' ORDER BY entity_id")
    first = home.score(shop.job).run_id
    shop.change("visits = visits + 9", "entity_id LIKE '%7' OR entity_id LIKE '%70'")
    shop.query("SELECT * FROM {table} WHERE entity_id <> 'customer-00013' ORDER BY entity_id")
    return shop, first, home.score(shop.job, NEXT).run_id


def deciles(home: Home, run: int) -> "pd.Series[int]":
    """The tenth of each entity of a run, by the ranks of all."""
    scores = pd.DataFrame(home.sql(AT, run=run)).set_index("entity_id")["score"]
    cuts = np.quantile(scores, np.arange(1, 10) / 10, method="inverted_cdf")
    return scores.map(lambda score: sum(score >= cut for cut in cuts))


def changed(home: Home, first: int, second: int) -> set[str]:
    """The entities that the two runs have in different tenths."""
    both = pd.concat([deciles(home, first), deciles(home, second)], axis=1, keys=["then", "now"]).dropna()
    return set(both.index[both["then"] != both["now"]])


def test_who_changed_tenth_since_the_date_before_gets_reasons(home: Home) -> None:
    shop, first, second = two_dates(home)
    assert tries.whole(home.workspace, home.read(shop.job), second) == ""
    rows = home.sql("SELECT DISTINCT entity_id FROM scoring.reasons WHERE run_id = :run", run=second)
    expected = changed(home, first, second)
    assert {row["entity_id"] for row in rows} == expected
    assert 10 < len(expected) < 90
    [done] = home.sql("SELECT * FROM scoring.explanations WHERE run_id = :run", run=second)
    assert (done["status"], done["wanted"]) == ("explained", len(expected))
    assert done["settings"]["since"]["run_id"] == first
    for entity in sorted(expected)[::10]:
        assert anew.of_entity(home.workspace, second, entity).equal is True
    for nobody in ("customer-00100", min(set(deciles(home, second).index) - expected)):  # new; as before
        with pytest.raises(ReasonsError, match="none of the entities that get reasons"):
            anew.of_entity(home.workspace, second, nobody)
    files = [path for folder in folders.folders(home.workspace.store, shop.job) for path in folder.files]
    assert not [path for path in files if "chosen-" in path]


def test_the_same_run_beside_the_same_one_is_explained_once(home: Home) -> None:
    shop, _, second = two_dates(home)
    job = home.read(shop.job)
    assert tries.whole(home.workspace, job, second) == ""
    with pytest.raises(NothingToDo, match="has its reasons"):
        tries.begin(home.workspace, job, second)


def test_without_a_date_before_nobody_has_changed(home: Home) -> None:
    shop, first, _ = two_dates(home)
    with pytest.raises(NothingToDo, match=rf"no score date of {shop.job} before {NIGHT} is published"):
        tries.begin(home.workspace, home.read(shop.job), first)
    assert home.sql("SELECT FROM scoring.explanations WHERE run_id = :run", run=first) == []


def test_a_store_that_cannot_be_written_ends_the_try(home: Home) -> None:
    shop, _, second = two_dates(home)
    unusable = replace(home.workspace, store="/proc/no-store")
    with pytest.raises(OSError, match="could not be kept in the store"):
        tries.begin(unusable, home.read(shop.job), second)
    [done] = home.sql("SELECT status, reason FROM scoring.explanations WHERE run_id = :run", run=second)
    assert done["status"] == "failed"
    assert done["reason"].startswith("FileNotFoundError: ")


def test_a_file_of_names_that_is_lost_fails_its_part_alone(home: Home) -> None:
    shop, _, second = two_dates(home)
    work = tries.begin(home.workspace, home.read(shop.job), second)
    folders.discard(home.workspace.store, RunRef.of(work[1]).chosen(1))
    outcomes = [explaining.attempt(home.workspace, part) for part in work]
    assert "chosen-00001" in tries.end(home.workspace, work, outcomes)
    rows = home.sql("SELECT DISTINCT part FROM scoring.reasons WHERE run_id = :run", run=second)
    assert {row["part"] for row in rows} == {0, 2}


def test_an_erasure_takes_the_name_from_the_file_and_the_tenths_stay(home: Home) -> None:
    shop, first, second = two_dates(home)
    work = tries.begin(home.workspace, home.read(shop.job), second)
    [entity, kept, *_] = sorted(changed(home, first, second))
    home.sql(FORGOTTEN, run=second)  # or the erasure would leave the run alone
    janitor = home.uri("predictions_janitor")
    erasure.erase(janitor, home.workspace.store, shop.job, entity, by="Ann", reason="asked for")
    files = [path for folder in folders.folders(home.workspace.store, shop.job) for path in folder.files]
    assert len([path for path in files if "chosen-" in path]) == len(work) - 1
    assert tries.whole(home.workspace, home.read(shop.job), second) == ""
    assert anew.of_entity(home.workspace, second, kept).equal is True


def test_where_the_scores_before_had_their_time_nobody_can_tell(home: Home) -> None:
    shop, first, second = two_dates(home)
    assert tries.whole(home.workspace, home.read(shop.job), second) == ""
    home.sql("UPDATE scoring.scoring_runs SET expired_at = now() WHERE run_id = :run", run=first)
    with pytest.raises(ReasonsError, match=f"beside run {first}, whose scores have had their time"):
        anew.of_entity(home.workspace, second, min(changed(home, first, second)))
    assert changes.since(home.workspace, home.last_run(shop.job)).run_id == first
