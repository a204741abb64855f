"""pipeline/late_data/recheck.py: what came, went or changed since a run was scored is counted, column by column."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import NothingToDo
from pipeline.late_data.recheck import RecheckError, recheck
from pipeline.late_data.result import Recheck
from pipeline.maintenance.erasure import erase
from pipeline.tasks.fallback import serve
from tests.home import NIGHT, Home, shop_rows
from tests.pipeline.shop import Shop, open_shop


def look(shop: Shop) -> Recheck:
    return recheck(shop.home.workspace, shop.home.read(shop.job), NIGHT)


def counts(done: Recheck) -> tuple[int, ...]:
    return done.rows_then, done.rows_now, done.rows_rejected, done.rows_new, done.rows_gone, done.rows_changed


def seen(shop: Shop) -> list[dict[str, Any]]:
    """What an analyst reads of the job."""
    query = "SELECT * FROM scoring.late_data WHERE job = :job"
    return shop.home.sql(query, "analyst", job=shop.job)


def test_a_source_that_is_as_it_was_has_no_finding(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    done = look(shop)
    assert counts(done) == (100, 100, 0, 0, 0, 0)
    assert (done.run_id, done.columns, done.notes, done.finding()) == (run_id, {}, (), None)
    [row] = seen(shop)
    assert (row["run_id"], row["rows_now"], row["rows_changed"], row["columns_changed"]) == (
        run_id,
        100,
        0,
        {},
    )


def test_rows_that_came_went_or_changed_are_counted_with_their_columns(shop: Shop) -> None:
    shop.home.score(shop.job)
    owner = "warehouse_owner"
    shop.home.sql(f"DELETE FROM {shop.table} WHERE entity_id < 'customer-00003'", owner)
    shop.change("visits = visits + 1", "entity_id IN ('customer-00010', 'customer-00011')")
    shop.change("amount = 7, channel = 'web'", "entity_id = 'customer-00011'")
    shop.change("amount = NULL", "entity_id = 'customer-00012'")
    shop.change("channel = NULL", "entity_id = 'customer-00050'")  # is rejected now
    shop.home.sql(
        f"INSERT INTO {shop.table} VALUES ('late', 1, 2, 'web', true), ('later', 1, 2, 'web', true)", owner
    )
    then = {row["entity_id"]: row for row in shop_rows().to_dict("records")}
    done = look(shop)
    assert counts(done) == (100, 99, 1, 2, 4, 3)
    channel = int(then["customer-00011"]["channel"] != "web")
    amount = 1 + int(then["customer-00012"]["amount"] == then["customer-00012"]["amount"])
    expected = {"amount": amount, "visits": 2, "channel": channel}
    assert done.columns == {name: rows for name, rows in expected.items() if rows}
    finding = done.finding()
    assert finding is not None
    assert (finding.check, finding.action) == ("late_data", "warn")
    assert finding.message.startswith(
        "of the 100 rows of then, 3 have changed and 4 are gone; 2 are new; changed"
    )
    assert "visits in 2" in finding.message
    assert done.command == f"scoring score {shop.job} 2024-03-01"
    assert (done.finding(0.08) is None, done.finding(0.09) is None) == (False, True)
    [row] = seen(shop)
    assert (row["rows_new"], row["rows_gone"], row["rows_changed"], row["columns_changed"]) == (
        2,
        4,
        3,
        done.columns,
    )


def test_every_look_is_kept_and_the_last_one_shown(shop: Shop) -> None:
    shop.home.score(shop.job)
    for visits in (1, 1, 1):
        shop.change(f"visits = visits + {visits}", "entity_id = 'customer-00010'")
        look(shop)
    shop.change("visits = visits - 3", "entity_id = 'customer-00010'")
    assert look(shop).differing == 0
    query = "SELECT rows_changed FROM scoring.source_checks JOIN scoring.scoring_runs USING (run_id) WHERE job = :job"
    assert [row["rows_changed"] for row in shop.home.sql(f"{query} ORDER BY check_id", job=shop.job)] == [
        1,
        1,
        1,
        0,
    ]
    assert [row["rows_changed"] for row in seen(shop)] == [0]


def test_an_entity_that_comes_twice_now_is_gone_and_named_as_doubled(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.change("entity_id = 'customer-00010'", "entity_id IN ('customer-00011', 'customer-00012')")
    done = look(shop)
    assert counts(done) == (100, 100, 3, 0, 3, 0)
    assert done.entities_doubled == 1
    assert str(done).endswith("; 1 entities come twice now")


def test_a_date_that_was_scored_again_is_held_against_the_run_that_analysts_see(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.change("visits = visits + 1")
    assert look(shop).rows_changed == 100
    second = shop.home.score(shop.job).run_id
    assert seen(shop) == []
    done = look(shop)
    assert (done.run_id, done.differing) == (second, 0)


def test_all_shards_are_read(home: Home) -> None:
    shop = open_shop(home, extract="shards = 2")
    shop.query("SELECT * FROM {table} WHERE abs(hashtext(entity_id)) % :shards = :shard")
    home.score(shop.job)
    shop.change("visits = visits + 1", "entity_id < 'customer-00020'")
    done = look(shop)
    assert (counts(done), done.columns) == ((100, 100, 0, 0, 0, 20), {"visits": 20})


def test_what_was_erased_is_said(shop: Shop) -> None:
    shop.home.score(shop.job)
    janitor = shop.home.server.connections["predictions_janitor"]
    erase(janitor, shop.home.store, shop.job, "customer-00010", by="ada", reason="ticket 7")
    done = look(shop)
    assert counts(done) == (99, 100, 0, 1, 0, 0)
    assert done.notes == (
        "1 rows of the run were erased since; where the source still has them, they count as new.",
    )


def test_a_date_that_is_not_published_has_nothing_to_be_held_against(shop: Shop) -> None:
    with pytest.raises(
        NothingToDo, match="no run is published, so there is nothing to hold against the source"
    ):
        look(shop)


def test_a_run_whose_parts_are_gone_says_so(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    [part] = Path(shop.home.store).glob(f"{shop.job}/*/{run_id}/part-00001.parquet")
    part.unlink()
    with pytest.raises(
        RecheckError, match=r"part-00001.parquet is no longer in the store. Parts are kept for reten"
    ):
        look(shop)
    shop.home.sql("UPDATE scoring.scoring_runs SET parts_pruned_at = now() WHERE run_id = :run", run=run_id)
    with pytest.raises(
        RecheckError, match=f"run {run_id} cannot be held against its source: its parts went on 20"
    ):
        look(shop)
    assert seen(shop) == []


def test_another_query_is_no_late_data(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.query("SELECT * FROM {table}")
    with pytest.raises(RecheckError, match="is not the query that run .* read.*scoring score"):
        look(shop)


def test_a_fallback_has_another_dates_rows(home: Home) -> None:
    shop = open_shop(home)
    shop.configure("retries = 0", 'retries = 0\nfallback = "last_published"')
    home.score(shop.job, NIGHT - timedelta(days=1))
    serve(home.workspace, home.read(shop.job), NIGHT, trigger="test", reason="it failed")
    with pytest.raises(RecheckError, match="serves the scores of run .*, of another score date"):
        look(shop)


def test_a_job_file_that_has_changed_is_named(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.configure("retries = 0", "retries = 1")
    [note] = look(shop).notes
    assert "has changed since" in note


@pytest.mark.parametrize("role", ["predictions", "analyst"])
def test_nobody_enters_or_alters_a_look_by_hand(shop: Shop, role: str) -> None:
    shop.home.score(shop.job)
    look(shop)
    for statement in ("DELETE FROM scoring.source_checks", "UPDATE scoring.source_checks SET rows_new = 0",
                      "INSERT INTO scoring.source_checks (run_id) VALUES (1)"):  # fmt: skip
        with pytest.raises(Exception, match="permission denied"):
            shop.home.sql(statement, role)


def test_only_a_published_run_takes_a_look(shop: Shop) -> None:
    run = shop.extract()
    call = "SELECT scoring.enter_source_check(:run, 1, 0, 0, 0, 0, 0, CAST(:columns AS jsonb))"
    with pytest.raises(Exception, match="was never published"):
        shop.home.sql(call, "predictions", run=run.run_id, columns="{}")
    done = shop.home.score(shop.job)
    with pytest.raises(Exception, match="every column has a number of rows"):
        shop.home.sql(call, "predictions", run=done.run_id, columns='{"visits": "many"}')
