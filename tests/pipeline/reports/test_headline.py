"""pipeline/reports/headline.py: one sentence that is right whatever became of a run."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import NothingToDo
from pipeline.reports import queries
from pipeline.reports.alarms import Promise
from pipeline.reports.headline import Headline, describe
from pipeline.reports.links import Links
from pipeline.reports.next_steps import steps, urgent
from pipeline.reports.overview import overview
from pipeline.reports.queries import Record
from pipeline.reports.report import report
from pipeline.runs import ledger
from pipeline.runs.decisions import decide, roll_back
from pipeline.tasks.fallback import serve
from tests.home import NIGHT, shop_model
from tests.pipeline.shop import Shop
from tests.test_runbook import checks

NEXT = NIGHT + timedelta(days=1)
LINKS = Links(
    "/all",
    lambda job, run_id: f"/reports/{run_id}",
    lambda *_: None,
    lambda *_: None,
    "/dags/{}".format,
    "/cards/{}/{}".format,
)
DUE = datetime(2024, 3, 2, 7, tzinfo=UTC)


def record(shop: Shop, run_id: int | None = None) -> Record:
    """A run as the pages read it; the job's last one unless told otherwise."""
    number = run_id or shop.home.last_run(shop.job)["run_id"]
    return queries.record(shop.home.server.connections["analyst"], number)


def run(shop: Shop, run_id: int | None = None) -> Any:
    return record(shop, run_id).run


def verdict(shop: Shop, run_id: int | None = None) -> Headline:
    return describe(record(shop, run_id))


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
    page = report(uri, home, failed, LINKS)
    assert "100 in this run" not in page
    assert f'<a href="/reports/{failed + 1}">' in page
    assert "which analysts see</a>" not in report(uri, home, failed + 1, LINKS)
    assert f"the scores of {NIGHT} again" in overview(uri, [shop.job], LINKS)


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
        f"Published: {done.rows_scored} rows scored, {done.rows_rejected} rejected. To check: many rows rejected."
    )


LATE = Promise("shop", NIGHT, DUE, DUE + timedelta(hours=2, minutes=13), "published_late", 7, is_late=False)
# Every kind of alarm -> what it adds to a record, and what the headline says of it.
ALARMS: dict[str, tuple[dict[str, Any], str]] = {
    **{check: ({"findings": [{"check": check, "action": "warn", "message": f"{check}: 3 and not 4"}]}, "")
       for check in sorted(checks())},
    "fairness": ({"outcomes": {"alarms": 1.0, "recall_gap:channel": 0.31, "recall_gap_alarm:channel": 1.0}},
                 "groups differ by channel"),
    "quality": ({"outcomes": {"quality_alarm": 1.0, "quality_evidence": 3.2}}, "worse than in training"),
    "an alarm of its own": ({"outcomes": {"loss_alarm": 1.0}}, "loss alarm"),
    "alarms that are only counted": ({"outcomes": {"alarms": 2.0}}, "alarms"),
    "in sample, by the outcomes": ({"outcomes": {"in_sample": 1.0}}, "the model was trained on this day"),
    "late data": ({"late": {"rows_new": 2, "rows_gone": 0, "rows_changed": 1}}, "late data"),
    "published late": ({"promise": LATE}, "published 2 h 13 min late"),
}  # fmt: skip
# What may have become of a run that somebody looks at -> its columns.
STATES: dict[str, dict[str, Any]] = {
    "published": {},
    "fallback": {"served_by": "champion_previous"},
    "yesterday again": {"served_by": "last_published", "source_run_id": 3, "staleness_days": 1},
    "its successor failed": {"failed_run_id": 8},
}


def made(state: dict[str, Any], alarm: dict[str, Any]) -> Record:
    """A published run as a page reads it, in some state and with something to look at."""
    row = {
        "run_id": 7, "job": "shop", "score_date": NIGHT, "status": "published", "status_reason": None,
        "dry_run": False, "served_by": "model", "source_run_id": None, "staleness_days": 0, "decided_by": None,
        "failed_run_id": None, "shown_run_id": 7, "rows_scored": 100, "rows_rejected": 0, "rows_extracted": 100,
        "findings": alarm.get("findings", []), **state,
    }  # fmt: skip
    none: dict[str, Any] = {"groups": {}, "previous": None, "following": None}
    empty: dict[str, Any] = {
        "parts": [],
        "metrics": {},
        "features": {},
        "profiles": {},
        "rejected": [],
        "days": [],
    }
    return Record(
        run=row,
        outcomes=alarm.get("outcomes", {}),
        promise=alarm.get("promise"),
        late=alarm.get("late"),
        **empty,
        **none,
    )


def test_a_run_without_an_alarm_is_as_usual() -> None:
    kept = replace(LATE, status="published", published_at=DUE - timedelta(hours=1))
    for quiet in ({}, {"promise": kept}, {"outcomes": {"alarms": 0.0, "recall_gap_alarm:channel": 0.0}}):
        assert describe(made({}, quiet)) == Headline(
            "good", "Published: 100 rows scored, 0 rejected, nothing unusual."
        )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", ALARMS)
def test_no_headline_says_that_nothing_is_unusual_over_an_alarm(kind: str, state: str) -> None:
    alarm, words = ALARMS[kind]
    seen = describe(made(STATES[state], alarm))
    assert seen.level == "warn"
    assert "nothing unusual" not in seen.sentence
    assert seen.sentence.endswith(f"{words}.")
    to_check = seen.sentence.partition(" To check: ")[2]
    assert to_check, "the headline does not name it"
    assert len(seen.reasons) == 1
    assert re.search(r"\d|trained on this score date", seen.reasons[0]), "the reason has no number"


def test_several_alarms_are_all_named_each_once() -> None:
    drift = {"check": "drift", "action": "warn", "message": "visits: 3 times the limit"}
    outcomes = {"recall_gap:channel": 0.31, "recall_gap_alarm:channel": 1.0}
    seen = describe(made({}, {"findings": [drift, drift], "outcomes": outcomes, "promise": LATE}))
    assert seen.sentence == (
        "Published: 100 rows scored, 0 rejected. "
        "To check: features drift, groups differ by channel, published 2 h 13 min late."
    )
    assert seen.reasons[-1] == "promised by 2024-03-02 07:00 UTC, published 2 h 13 min later"


def test_whoever_approved_a_run_knew_its_findings_and_not_what_came_out_later() -> None:
    held = {"decided_by": "ann"}
    finding = {"findings": [{"check": "volume", "action": "hold", "message": "3 rows"}]}
    assert (
        describe(made(held, finding)).sentence
        == "Held, and then approved by ann: 100 rows scored, 0 rejected."
    )
    later = finding | {"outcomes": {"bias_gap:channel": 2.0, "bias_gap_alarm:channel": 1.0}}
    assert describe(made(held, later)).sentence.endswith(" To check: groups differ by channel.")


@pytest.mark.parametrize("status", ["held", "failed", "running"])
def test_what_is_open_and_promised_says_that_it_is_late(status: str) -> None:
    late = replace(LATE, status=status if status != "running" else "late", published_at=None, is_late=True)
    open_run = {"status": status, "shown_run_id": None, "shown_served_by": None}
    assert describe(made(open_run, {"promise": late})).sentence.endswith(" To check: late.")
    assert " late" not in describe(made(open_run, {"promise": replace(late, is_late=False)})).sentence
