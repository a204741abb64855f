"""pipeline/reports/headline.py: one sentence that is right whatever became of a run."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.errors import NothingToDo
from pipeline.reports import queries
from pipeline.reports.headline import Headline, describe
from pipeline.reports.next_steps import steps, urgent
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from pipeline.runs import ledger
from pipeline.runs.decisions import decide, roll_back
from pipeline.tasks.fallback import serve
from tests.home import NIGHT, shop_model
from tests.pipeline.shop import Shop

NEXT = NIGHT + timedelta(days=1)


def run(shop: Shop, run_id: int | None = None) -> Any:
    """A run as the pages read it; the job's last one unless told otherwise."""
    number = run_id or shop.home.last_run(shop.job)["run_id"]
    return queries.record(shop.home.server.connections["analyst"], number).run


def verdict(shop: Shop, run_id: int | None = None) -> Headline:
    return describe(run(shop, run_id))


def test_published_superseded_and_rolled_back_to(shop: Shop) -> None:
    first = shop.home.score(shop.job).run_id
    assert verdict(shop) == Headline("good", "Published: 100 rows scored, 0 rejected, nothing unusual.")
    shop.change("visits = visits + 1")
    second = shop.home.score(shop.job).run_id
    taken = "Was published, and another run has replaced it: 100 rows scored, 0 rejected."
    assert verdict(shop, first).sentence == f"{taken} Analysts see run {second}."
    assert f"--to {first} " in steps(run(shop, first))[0][1]
    roll_back(shop.home.approver, shop.job, NIGHT, by="ann", reason="worse")
    assert verdict(shop, first).sentence == "Published: 100 rows scored, 0 rejected, nothing unusual."
    assert verdict(shop, second).sentence == f"{taken} Analysts see run {first}."


def test_held_approved_and_rejected(shop: Shop) -> None:
    first = shop.hold()
    assert verdict(shop).level == "warn"
    assert verdict(shop).sentence == (
        "Held until a person decides: 100 rows scored, 0 rejected. Analysts see nothing for this score date."
    )
    assert verdict(shop).reasons[0].startswith("100 rows were scored, and gate.min_rows is 1000")
    assert urgent(run(shop))
    decide(shop.home.approver, first, approve=True, by="ann", reason="a quiet day")
    assert verdict(shop).sentence == "Held, and then approved by ann: 100 rows scored, 0 rejected."
    shop.change("visits = visits + 1")
    second = shop.hold()
    assert verdict(shop).sentence.endswith(f" Analysts see run {first}.")
    decide(shop.home.approver, second, approve=False, by="bob", reason="half is missing")
    assert verdict(shop).level == "bad"
    assert verdict(shop).sentence == (
        f"Held, and then rejected by bob: 100 rows scored, 0 rejected. Analysts see run {first}."
    )
    assert not urgent(run(shop))


def test_a_failed_night_and_the_scores_that_stand_in_for_it(shop: Shop) -> None:
    shop.configure('owner = "tests"', 'owner = "tests"\nfallback = "last_published"')
    source = shop.home.score(shop.job).run_id
    shop.query("SELECT nothing FROM {table}")
    with pytest.raises(Exception, match="nothing"):
        shop.home.score(shop.job, NEXT)
    failed = shop.home.last_run(shop.job)["run_id"]
    assert verdict(shop).level == "bad"
    assert verdict(shop).sentence == "Failed: no row was scored. Analysts see nothing for this score date."
    assert 'column "nothing" does not exist' in verdict(shop).reasons[0]
    assert steps(run(shop))[0][1] == f"scoring check {shop.job}"
    serve(shop.home.workspace, shop.home.read(shop.job), NEXT, trigger="the night", reason="it failed")
    assert verdict(shop).level == "warn"
    assert verdict(shop).sentence == (
        f"The run failed, and its fallback shows the scores of {NIGHT} again (run {source}, 1 day old): "
        "100 rows scored, 0 rejected."
    )
    assert verdict(shop, failed).sentence == (
        "Failed: no row was scored. The job's fallback replaces it: "
        f"analysts see the scores of {NIGHT} again (run {failed + 1}, 1 day old)."
    )
    assert f"scoring report {failed + 1}" in [command for _, command in steps(run(shop, failed))]
    # Its page shows its own value, which is none, and leads to what analysts see.
    uri, home = shop.home.server.connections["analyst"], shop.home.path
    page = report(uri, home, failed, "/reports/{}".format)
    assert "100 in this run" not in page
    assert f'<a href="/reports/{failed + 1}">' in page
    assert "<a " not in report(uri, home, failed + 1, "/reports/{}".format)
    assert f"the scores of {NIGHT} again" in overview(uri, [shop.job], lambda night: "#")


def test_the_scores_of_the_previous_champion(shop: Shop) -> None:
    shop.home.model("shop", *shop_model(seed=1))
    shop.configure('owner = "tests"', 'owner = "tests"\nfallback = "champion_previous"')
    serve(shop.home.workspace, shop.home.read(shop.job), NIGHT, trigger="the night", reason="it failed")
    assert verdict(shop).level == "warn"
    assert verdict(shop).sentence == (
        "The run failed, and analysts see scores of the champion's predecessor instead: "
        "100 rows scored, 0 rejected."
    )


def test_an_empty_night(shop: Shop) -> None:
    first = shop.home.score(shop.job).run_id
    shop.configure("min_rows = 1", 'on_empty = "skip"')
    shop.query("SELECT * FROM {table} WHERE visits < 0")
    sentence = "The query gave no rows, and nothing was published."
    for day, then in ((NEXT, ""), (NIGHT, f" Analysts see run {first}.")):
        with pytest.raises(NothingToDo):
            shop.home.score(shop.job, day)
        assert (verdict(shop).level, verdict(shop).sentence) == ("none", sentence + then)


def test_an_empty_night_that_must_not_be(shop: Shop) -> None:
    shop.query("SELECT * FROM {table} WHERE visits < 0")
    with pytest.raises(Exception, match="gave no rows"):
        shop.home.score(shop.job)
    assert verdict(shop).sentence == "Failed: no row was scored. Analysts see nothing for this score date."
    assert "gave no rows" in verdict(shop).reasons[0]


def test_a_run_that_goes_on_and_one_that_was_taken_over(shop: Shop) -> None:
    begun = shop.extract(trigger="the night")
    assert verdict(shop, begun.run_id) == Headline("none", "Not finished: no row is scored yet.")
    shop.publish(again := shop.extract(trigger="the night"), shop.write(again))
    assert verdict(shop, begun.run_id) == Headline(
        "none",
        f"Abandoned, and never published: no row was scored. Analysts see run {again.run_id}.",
        (f"taken over by run {again.run_id}",),
    )


def test_dry_runs(shop: Shop) -> None:
    with pytest.raises(NothingToDo):
        shop.home.score(shop.job, dry_run=True)
    never = "A dry run is never published."
    assert verdict(shop).level == "none"
    assert verdict(shop).sentence == f"A dry run: 100 rows scored, 0 rejected. {never}"
    begun = shop.extract(dry_run=True)
    assert verdict(shop).sentence == f"A dry run, not finished: no row is scored yet. {never}"
    ledger.close(shop.home.workspace.predictions, begun.run_id, "failed", "out of memory")
    assert verdict(shop) == Headline(
        "bad", f"A dry run that failed: no row was scored. {never}", ("out of memory",)
    )


def test_something_unusual(shop: Shop) -> None:
    shop.change("channel = 'fax'", "visits < 3")
    limits = "[contract]\nunknown_category = 'reject'\n[gate]\nmax_rejected_fraction = 0.001"
    shop.configure(r"\[gate\]", f'{limits}\nrejected_fraction = "warn"')
    done = shop.home.score(shop.job)
    assert verdict(shop).level == "warn"
    assert verdict(shop).sentence == (
        f"Published, and something is unusual: {done.rows_scored} rows scored, {done.rows_rejected} rejected."
    )
