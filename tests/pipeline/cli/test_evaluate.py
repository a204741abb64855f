"""pipeline/cli/evaluate.py: outcomes are measured and shown, and a source is read again."""

import json

from tests.home import NIGHT, shop_rows
from tests.pipeline.cli.command import Command
from tests.pipeline.shop import Shop


def test_outcomes_are_measured_and_shown(shop: Shop, run: Command) -> None:
    rows = shop.home.table(shop_rows()[["entity_id"]].assign(bought=True))
    code, _, complained = run("outcomes", shop.job, NIGHT)
    assert code == 1
    assert "has no section [outcomes]" in complained
    (shop.home.path / "sql" / "bought.sql").write_text(
        f"SELECT * FROM {rows} WHERE entity_id < 'customer-00060'"
    )
    shop.configure(
        r"\[gate\]", '[outcomes]\nquery = "bought.sql"\ndelay_days = 1\ncolumn = "bought"\n\n[gate]'
    )
    assert run("outcomes", shop.job, NIGHT)[::2] == (
        0, f"{shop.job} 2024-03-01: no run is published, so there is nothing to evaluate"
    )  # fmt: skip
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("outcomes", shop.job, NIGHT)
    assert code == 0
    assert output.startswith(
        f"run {run_id} of {shop.job} 2024-03-01: 60 of 100 entities have an outcome metric value"
    )
    assert "coverage 0.6" in output
    assert "no baselines: the model was registered without --outcome" in output
    assert output.endswith("without --outcome, so that nothing tells whether it is worse.")
    assert json.loads(run("outcomes", shop.job, NIGHT, "--json")[1])["metrics"]["base_rate"] == 1
    shown = json.loads(run("show", run_id, "--json")[1])["outcomes"]
    assert {"metric": "coverage", "value": 0.6} in shown


def test_a_source_is_read_again_and_what_differs_is_counted(shop: Shop, run: Command) -> None:
    assert run("recheck", shop.job, NIGHT)[::2] == (
        0, f"{shop.job} 2024-03-01: no run is published, so there is nothing to hold against the source"
    )  # fmt: skip
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, complained = run("recheck", shop.job, NIGHT)
    assert (code, complained) == (0, "")
    assert output == (
        f"run {run_id} of {shop.job} 2024-03-01: 100 rows now, 0 of them rejected; of the 100 rows of then, 0 have "
        "changed and 0 are gone; 0 are new"
    )
    shop.change("visits = visits + 1", "entity_id = 'customer-00010'")
    code, output, complained = run("recheck", shop.job, NIGHT)
    assert (code, complained) == (
        1,
        f"To score the rows as they are now: scoring score {shop.job} 2024-03-01",
    )
    assert output.endswith("1 have changed and 0 are gone; 0 are new; changed columns: visits in 1")
    shown = json.loads(run("recheck", shop.job, NIGHT, "--json")[1])
    assert (shown["run_id"], shown["rows_changed"], shown["columns"]) == (run_id, 1, {"visits": 1})
    run("score", shop.job, NIGHT)
    assert run("recheck", shop.job, NIGHT)[0] == 0
    shop.query("SELECT * FROM {table}")
    code, _, complained = run("recheck", shop.job, NIGHT)
    assert code == 1
    assert "is not the query that run" in complained
