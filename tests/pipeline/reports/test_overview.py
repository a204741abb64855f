"""pipeline/reports/overview.py: the jobs that one may see, each with its nights as green, amber and red."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pipeline.errors import NothingToDo
from pipeline.reports import queries
from pipeline.reports.headline import describe
from pipeline.reports.jobs import JobFacts
from pipeline.reports.links import Links
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from pipeline.runs.decisions import decide
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home
from tests.pipeline.punctuality.promising import Promising
from tests.pipeline.reports.test_report import Page
from tests.pipeline.shop import open_shop
from tests.sinks import Web, web

__all__ = ["web"]

LINKS = Links(
    "all",
    lambda job, run_id: f"runs/{run_id}",
    lambda job, _: f"form/{job}",
    lambda *_: None,
    "dags/{}".format,
    "cards/{}/{}".format,
)


def days(*numbers: int) -> list[Any]:
    return [NIGHT + timedelta(days=number) for number in numbers]


def test_the_last_nights_at_a_glance(home: Home) -> None:
    shop, unseen = open_shop(home), open_shop(home)
    fine, held, failed = days(0, 1, 2)
    home.score(shop.job, fine)
    home.score(unseen.job, fine)
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Held):
        home.score(shop.job, held)
    shop.query("SELECT nothing FROM {table}")
    with pytest.raises(Exception, match="nothing"):
        home.score(shop.job, failed)
    uri = home.server.connections["analyst"]
    nights = queries.days(uri, [shop.job])
    assert [(night.score_date, night.level) for night in nights] == [
        (fine, "good"),
        (held, "warn"),
        (failed, "bad"),
    ]
    page = Page(overview(uri, [shop.job, "never_ran"], LINKS))
    assert f"{failed}: failed" in page.said
    assert f"{held}: held, 100 rows scored, to check: too few rows, features drift" in page.said
    assert f"Rows scored 100 on {fine:%-d %b}" in page.said
    assert "1 job: 1 failed, rejected or missing." in page.said
    assert "1 as usual, 1 to check, 1 failed, rejected or missing." in page.said
    assert ("a", "href", f"runs/{nights[0].run_id}") in page.attributes
    assert unseen.job not in page.said
    assert "never_ran" not in page.said


def test_a_rescored_night_that_is_held_is_amber_though_analysts_have_scores(home: Home) -> None:
    shop = open_shop(home)
    first = home.score(shop.job)
    shop.configure("min_rows = 1", "min_rows = 1000")
    shop.change("visits = visits + 1")
    with pytest.raises(Held):
        home.score(shop.job)
    [night] = queries.days(home.server.connections["analyst"], [shop.job])
    assert (night.run_id, night.level, night.held_run_id) == (first.run_id, "warn", first.run_id + 1)


def test_an_empty_night_of_much_later_hides_nothing(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    shop.configure("min_rows = 1", 'on_empty = "skip"')
    shop.query("SELECT * FROM {table} WHERE visits < 0")
    for later in days(1, 400):
        with pytest.raises(NothingToDo):
            home.score(shop.job, later)
    nights = queries.days(home.server.connections["analyst"], [shop.job])
    assert [(night.score_date, night.level) for night in nights] == [(NIGHT, "good")]


def test_those_come_first_that_somebody_has_to_look_at(home: Home) -> None:
    shops = {word: open_shop(home) for word in ("fine", "waiting", "rejected")}
    for word in ("waiting", "rejected"):
        shops[word].configure("min_rows = 1", "min_rows = 1000")
        with pytest.raises(Held):
            home.score(shops[word].job)
    rejected = home.last_run(shops["rejected"].job)["run_id"]
    decide(home.approver, rejected, approve=False, by="ann", reason="too few")
    shops["waiting"].configure("min_rows = 1000", "min_rows = 1")
    for word in ("fine", "waiting"):
        home.score(shops[word].job, NIGHT + timedelta(days=1))
    uri, jobs = home.server.connections["analyst"], [shop.job for shop in shops.values()]
    page = Page(overview(uri, jobs, LINKS))
    assert page.said.index(shops["rejected"].job) < page.said.index(shops["waiting"].job)
    assert page.said.index(shops["waiting"].job) < page.said.index(shops["fine"].job)
    assert "3 jobs: 1 failed, rejected or missing, 1 to check, 1 as usual." in page.said
    assert f"{NIGHT}: rejected, 100 rows scored" in page.said
    # The last night is fine, and one before it waits for a person all the same.
    assert f"{NIGHT}: held, 100 rows scored" in page.said


def test_nothing_yet(home: Home) -> None:
    page = Page(overview(home.server.connections["analyst"], [], LINKS)).said
    assert "No job that you may see has a run yet." in page


def test_a_published_night_whose_rescore_failed_is_amber_until_one_succeeds(home: Home) -> None:
    shop, uri = open_shop(home), home.server.connections["analyst"]
    first = home.score(shop.job)
    query = (home.path / "sql" / f"{shop.job}.sql").read_text()
    shop.query("SELECT nothing FROM {table}")
    with pytest.raises(Exception, match="nothing"):
        home.score(shop.job)
    [night] = queries.days(uri, [shop.job])
    assert (night.run_id, night.level, night.failed_run_id) == (first.run_id, "warn", first.run_id + 1)
    page = Page(overview(uri, [shop.job], LINKS))
    assert f"published, 100 rows scored, run {first.run_id + 1} failed afterwards" in page.said
    sentence = f"Published, and run {first.run_id + 1}, which was to replace it, failed: 100 rows scored"
    assert sentence in describe(queries.record(uri, first.run_id)).sentence
    # The page of the one that failed shows its own value, which is none, and not the night's that analysts see.
    assert "100 in this run" in report(uri, home.path, first.run_id)
    assert "100 in this run" not in report(uri, home.path, first.run_id + 1)
    shop.query(query)
    shop.change("visits = visits + 1", "entity_id = 'customer-00001'")
    home.score(shop.job)
    assert [night.level for night in queries.days(uri, [shop.job])] == ["good"]


def test_what_is_late_comes_first_also_of_a_job_that_never_ran(home: Home, web: Web) -> None:
    late, punctual, unseen = (Promising(home, web) for _ in range(3))
    today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for job in (late, punctual, unseen):
        job.look_only(today - timedelta(days=1))
    punctual.run(date(today.year, today.month, today.day), "published")
    for job in (late, punctual, unseen):
        job.look_only(today)
    uri = home.server.connections["pages"]
    seen = queries.promises(uri, [late.name, punctual.name])
    assert [(one.job, one.status, one.is_late) for one in seen] == [
        (late.name, "missing", True),
        (punctual.name, "published", False),
    ]
    page = Page(overview(uri, [late.name, punctual.name], LINKS))
    needed, jobs = page.said.split(" Jobs ")
    assert (
        f"{late.name} {today.date()} missing DAG promised by {today:%Y-%m-%d} 07:00 UTC: no run has begun"
        in needed
    )
    assert f"scoring score {late.name} {today.date()}" in needed
    assert punctual.name not in needed
    assert jobs.index(late.name) < jobs.index(punctual.name)
    assert "kept on 1 of 1 dates, the last: published in time" in jobs
    assert "kept on 0 of 1 dates" in jobs
    assert unseen.name not in page.said


def test_what_needs_a_person_has_its_reason_its_links_and_its_command(home: Home) -> None:
    shop = open_shop(home)
    run_id = shop.hold()
    page = Page(overview(home.server.connections["analyst"], [shop.job], LINKS))
    needed = page.said.split(" Jobs ")[0]
    assert f"{shop.job} {NIGHT} held Approve or reject Report" in needed
    assert "100 rows were scored, and gate.min_rows is 1000" in needed
    assert f'scoring approve {run_id} --reason "WHY"' in needed
    assert ("a", "href", f"form/{shop.job}") in page.attributes
    assert ("a", "href", f"runs/{run_id}") in page.attributes
    decide(home.approver, run_id, approve=True, by="ann", reason="a quiet day")
    # Whoever approved it knows, and nobody else is needed.
    assert "Nothing. 1 job" not in Page(overview(home.server.connections["analyst"], [shop.job], LINKS)).said


def test_a_job_says_whose_it_is_and_when_it_runs_next_also_where_its_file_is_broken(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    facts = {
        shop.job: JobFacts(owner="ann", next_run=datetime(2024, 3, 2, 7, tzinfo=UTC), zone="America/New_York",
                           promise="published by 07:00"),
        "mended_never": JobFacts(error="mended_never.toml: not a TOML file: line 3"),
        "idle": JobFacts(owner="bob", paused=True),
    }  # fmt: skip
    page = Page(overview(home.server.connections["analyst"], [shop.job], LINKS, facts)).said
    needed, jobs = page.split(" Jobs ")
    assert "mended_never broken job file mended_never.toml: not a TOML file: line 3 scoring jobs" in needed
    mine = jobs.split(f" {shop.job} ")[1]
    for line in (
        "Owner ann",
        "Model shop version 1",
        "Next run 2024-03-02 02:00 America/New_York",
        "Promise published by 07:00",
    ):
        assert line in mine
    assert "never ran Owner bob Next run none: the DAG is paused" in jobs
    assert "Next run none: the job file is broken" in jobs


def test_nothing_that_needs_a_person_is_said_in_a_word(home: Home) -> None:
    shop = open_shop(home)
    home.score(shop.job)
    page = Page(overview(home.server.connections["analyst"], [shop.job], LINKS)).said
    assert "What needs a person Nothing. 1 job: 1 as usual." in page


def test_a_calendar_says_of_each_day_what_became_of_it(home: Home) -> None:
    shop = open_shop(home)
    for day in days(0, 100):  # more than six weeks apart
        home.score(shop.job, day)
    text = overview(home.server.connections["analyst"], [shop.job], LINKS)
    first, last = days(0, 100)
    for day in (first, last):
        assert re.search(
            f"<title>{day}: published, 100 rows scored(, to check: features drift)?</title>", text
        )
    assert f"<title>{last}: 100</title>" in text
