"""The pages in Airflow's web UI: for those only who may see the DAG, and in a real browser."""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest

from local.airflow import Airflow
from local.rest import Rest
from pipeline.embedded.server import Embedded
from pipeline.integrations.dependencies import DependencyError, require_pool
from pipeline.reports.links import Links
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from tests.e2e.test_nights import asked_job, ready, states, wait
from tests.home import Home, shop_rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.airflow

DAY = "2024-09-02"
LINKS = Links(
    "#",
    lambda job, run_id: "#",
    lambda job, trigger: "#",
    lambda job, trigger: "#",
    lambda job: "#",
    lambda job, run_id: "#",
)


@pytest.fixture(scope="module")
def night(nights_home: Home, airflow: Airflow, rest: Rest) -> tuple[str, str]:
    """A job, and the DAG run of a night that it has scored."""
    query = f"SELECT * FROM {nights_home.table(shop_rows(100))} ORDER BY entity_id"
    name = asked_job(nights_home, "paged", query, "shop")
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": DAY})
    assert rest.wait(name, run_id)["state"] == "success"
    return name, run_id


def get(airflow: Airflow, user: str | None, path: str) -> httpx.Response:
    """What one of Airflow's users, or nobody, gets at a path."""
    with httpx.Client(base_url=airflow.url, timeout=60, trust_env=False) as client:
        if user:
            password = json.loads((airflow.place.airflow / "passwords.json").read_text())[user]
            login = client.post("/auth/token", json={"username": user, "password": password})
            client.headers["Authorization"] = f"Bearer {login.raise_for_status().json()['access_token']}"
        return client.get(path)


def paths(nights_home: Home, night: tuple[str, str]) -> list[str]:
    """Every route, as it answers of that night."""
    name, run_id = night
    number = nights_home.last_run(name)["run_id"]
    return [
        "/scoring/",
        f"/scoring/dags/{name}/runs/{quote(run_id)}",
        f"/scoring/dags/{name}/reports/{number}",
        f"/scoring/dags/{name}/reports/{number}?card=1",
    ]


def test_every_page_needs_a_login_and_the_right_to_see_the_dag(
    nights_home: Home, airflow: Airflow, night: tuple[str, str]
) -> None:
    scoring, *reports = paths(nights_home, night)
    for path in (scoring, *reports):
        assert get(airflow, None, path).status_code == 401
        browser = httpx.get(f"{airflow.url}{path}", headers={"Accept": "text/html"}, trust_env=False)
        assert browser.status_code == 302
        assert browser.headers["Location"].endswith(f"/auth/login?{urlencode({'next': unquote(path)})}")
        assert night[0] not in get(airflow, None, path).text
        response = get(airflow, "ana", path)
        assert (response.status_code, night[0] in response.text) == (200, True)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for path in reports:
        assert get(airflow, "guest", path).status_code == 403
    response = get(airflow, "guest", scoring)
    assert (response.status_code, night[0] in response.text) == (200, False)


@pytest.mark.parametrize("path", ["/scoring/openapi.json", "/scoring/docs", "/scoring/redoc"])
def test_no_page_tells_strangers_what_routes_there_are(airflow: Airflow, path: str) -> None:
    assert get(airflow, None, path).status_code in (401, 404)


def test_what_is_not_there_is_not_found(nights_home: Home, airflow: Airflow, night: tuple[str, str]) -> None:
    name, run_id = night
    number = nights_home.last_run(name)["run_id"]
    for path in (
        f"/scoring/dags/unknown/runs/{quote(run_id)}",
        f"/scoring/dags/unknown/reports/{number}",  # another job's run is not to be seen by this door
        f"/scoring/dags/unknown/reports/{number}?card=1",
        f"/scoring/dags/{name}/runs/manual__never",
        f"/scoring/dags/{name}/reports/999999999",
    ):
        assert get(airflow, "ana", path).status_code == 404, path
    assert get(airflow, "ana", f"/scoring/dags/{name}/reports/one").status_code == 422


def test_a_run_whose_pool_is_missing_says_how_to_make_it(
    nights_home: Home, airflow: Airflow, rest: Rest, server: Embedded, night: tuple[str, str]
) -> None:
    query = (nights_home.path / "sql" / f"{night[0]}.sql").read_text()
    name = asked_job(nights_home, "pooled", query, "shop", 'retries = 0\npool = "the nights"\npriority = 7')
    metadata = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.uri("airflow", "airflow")}
    job = nights_home.read(name)
    remedy = "airflow pools set 'the nights' 4 scoring"
    with pytest.raises(DependencyError, match=f"Airflow has default_pool. Without it .*{remedy}"):
        require_pool(job, metadata)
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": DAY})
    path = f"/scoring/dags/{name}/runs/{quote(run_id)}"
    wait(lambda: remedy in unescape(get(airflow, "ana", path).text), "the remedy", airflow)
    rest.call("POST", "/pools", {"name": job.pool, "slots": 4})
    assert rest.wait(name, run_id)["state"] == "success"
    assert {(task["pool"], task["priority_weight"]) for task in rest.tasks(name, run_id)} == {(job.pool, 7)}
    assert require_pool(job, metadata) == "Airflow has pool 'the nights'"


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real browser."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make .venv`")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium to look with: apt-get install chromium")
    # Chromium's own sandbox does not work for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        api.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=options) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def page(airflow: Airflow, browser: "Browser") -> "Page":
    """The administrator's browser window, logged in. A frame has the colours of the page around it."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="null")
    opened.goto(airflow.url)
    opened.locator("input[name=username]").fill("admin")
    opened.locator("input[name=password]").fill(airflow.password)
    opened.locator("button[type=submit]").click()
    opened.get_by_role("link", name="Dags").first.wait_for()
    return opened


@pytest.mark.browser
def test_a_dag_run_has_a_tab_with_its_report(airflow: Airflow, night: tuple[str, str], page: "Page") -> None:
    name, run_id = night
    page.goto(f"{airflow.url}/dags/{name}/runs/{quote(run_id)}")
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("iframe")
    report.get_by_text("Published: 100 rows scored, 0 rejected, nothing unusual.").wait_for()
    assert report.locator("svg.history").count() > 0
    page.goto(f"{airflow.url}/scoring/dags/{name}/runs/{quote(run_id)}")  # as messages link to it
    page.get_by_text("Published: 100 rows scored, 0 rejected, nothing unusual.").wait_for()
    page.get_by_role("link", name="DAG run").click()
    page.wait_for_url(re.compile(rf"/dags/{name}/runs/"))
    page.goto(f"{airflow.url}/scoring/dags/{name}/runs/{quote(run_id)}")
    page.get_by_role("link", name="Scoring").click()
    page.get_by_role("heading", name="What needs a person").wait_for()


@pytest.mark.browser
def test_the_page_scoring_leads_to_reports(airflow: Airflow, night: tuple[str, str], page: "Page") -> None:
    page.goto(f"{airflow.url}/plugin/scoring")
    scoring = page.frame_locator("iframe")
    lane = scoring.locator("section.lane", has=page.get_by_role("heading", name=night[0], exact=True))
    lane.get_by_text(f"{DAY}: published, 100 rows scored").first.wait_for()
    lane.get_by_role("link", name="shop version 1").click()
    scoring.get_by_role("heading", name="What it was made of").wait_for()
    scoring.get_by_role("link", name="Scoring").click()
    lane.locator("svg.calendar a").first.click()
    scoring.get_by_role("heading", name=re.compile(rf"^{night[0]}, \d{{4}}-")).wait_for()


@pytest.fixture(scope="module")
def held(nights_home: Home, airflow: Airflow, rest: Rest, night: tuple[str, str]) -> tuple[str, str]:
    """A job, and the DAG run of a night of it that waits for a person."""
    query = (nights_home.path / "sql" / f"{night[0]}.sql").read_text()
    name = asked_job(nights_home, "doubted", query, "shop", gate="min_rows = 1000")
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": DAY})
    wait(lambda: states(rest, name, run_id).get("decide") == {"awaiting_input"}, "a held night", airflow)
    return name, run_id


@pytest.mark.browser
def test_a_held_night_is_approved_with_the_report_at_hand(
    nights_home: Home, airflow: Airflow, rest: Rest, held: tuple[str, str], page: "Page"
) -> None:
    from playwright.sync_api import Error

    name, run_id = held
    here, frame = f"{airflow.url}/dags/{name}/runs/{quote(run_id)}", page.frame_locator("iframe")

    page.goto(here)
    page.get_by_role("link", name="Report").click()
    frame.get_by_text("Held until a person decides: 100 rows scored").wait_for()
    page.goto(f"{here}/tasks/decide/required_actions")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="the run's report").click()
    sentence = opened.value.frame_locator("iframe").get_by_text(
        "100 rows were scored, and gate.min_rows is 1000"
    )
    sentence.wait_for()
    opened.value.close()

    def approved() -> bool:
        """Whether the task has an approval; else the form is opened again, and answered where it takes an answer.

        It takes none while the task looks for a decision, and Airflow may lose one that comes in the moment of a pause.
        """
        state = states(rest, name, run_id)["decide"]
        assert state != {"failed"}
        if state == {"success"}:
            return True
        page.goto(f"{here}/tasks/decide/required_actions")
        reason, approve = (
            page.locator("input[name=element_reason]"),
            page.get_by_role("button", name="Approve", exact=True),
        )
        with contextlib.suppress(Error):  # it has just been disabled
            reason.wait_for()
            if reason.is_enabled():
                reason.fill("a new shop", timeout=10_000)
                approve.click(timeout=10_000)
        return False

    wait(approved, "an approval", airflow)
    assert rest.wait(name, run_id)["state"] == "success"
    query = "SELECT * FROM scoring.scoring_runs WHERE job = :job AND trigger = :trigger"
    [run] = nights_home.sql(query, job=name, trigger=run_id)
    assert (run["status"], run["decided_by"], run["decision_reason"]) == ("published", "admin", "a new shop")
    query = "SELECT DISTINCT run_id FROM scoring.predictions WHERE job = :job AND score_date = :day"
    assert nights_home.sql(query, "analyst", job=name, day=DAY) == [{"run_id": run["run_id"]}]
    page.goto(f"{here}/plugin/report")
    frame.get_by_text("Held, and then approved by admin: 100 rows scored, 0 rejected.").wait_for()


@pytest.mark.browser
def test_the_pages_have_the_colours_of_airflow_around_them(airflow: Airflow, page: "Page") -> None:
    seen = []
    for theme in ("light", "dark"):
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.goto(f"{airflow.url}/plugin/scoring")
        page.frame_locator("iframe").get_by_role("heading", name="Scoring").wait_for()
        body = page.frame_locator("iframe").locator("body")
        seen.append(body.evaluate("body => getComputedStyle(body).backgroundColor"))
    assert seen == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.browser
def test_pages_fit_a_phone_and_fetch_nothing(
    nights_home: Home, night: tuple[str, str], browser: "Browser", tmp_path: Path, width: int
) -> None:
    analyst, run_id = nights_home.server.connections["analyst"], nights_home.last_run(night[0])["run_id"]
    texts = report(analyst, nights_home.path, run_id), overview(analyst, [night[0]], LINKS)
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.html"
        path.write_text(text)
        require_fit(browser, path, width)


def require_fit(browser: "Browser", path: Path, width: int) -> None:
    """No word of the page runs into another or out of the window, on the screen and on paper; nothing is fetched."""
    fetched = []
    with browser.new_page(viewport={"width": width, "height": 800}) as page:
        page.on("request", lambda request: fetched.append(request.url))
        page.goto(f"file://{path}")
        media: tuple[Literal["screen", "print"], ...] = ("screen", "print")
        for medium in media:
            page.emulate_media(media=medium)
            sides = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            assert page.evaluate(sides) == [width, width], medium
            assert page.evaluate(OVERLAPS) == [], medium
    assert fetched == [f"file://{path}"]


# The words of each picture that run into one another.
OVERLAPS = """
[...document.querySelectorAll('svg.histogram, svg.history')].flatMap(picture => {
    const words = [...picture.querySelectorAll('text')].map(word => [word.textContent, word.getBoundingClientRect()]);
    return words.flatMap(([one, a], place) => words.slice(place + 1).filter(([_, b]) =>
        a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom
    ).map(([other, _]) => `${one} / ${other}`));
})
"""


def test_the_tab_says_what_became_of_a_dag_run_without_a_report_of_its_own(
    nights_home: Home, airflow: Airflow, rest: Rest
) -> None:
    rows = shop_rows(100)
    query = f"SELECT * FROM {nights_home.table(rows)} ORDER BY entity_id"
    asked = 'min_rows = 1\n\n[outcomes]\nquery = "measured.sql"\ndelay_days = 1'
    name = asked_job(nights_home, "measured", query, "shop", gate=asked)
    outcomes = nights_home.path / "sql" / "measured.sql"
    outcomes.write_text("SELECT entity_id, absent AS bought FROM pg_class")
    (airflow.place.dags / "outcomes.py").touch()
    ready(airflow, rest, name)
    dag_id = f"{name}-outcomes"
    ready(airflow, rest, dag_id)

    def tab(state: str, day: str) -> httpx.Response:
        run_id = rest.trigger(dag_id, None, {"score_date": day})
        assert rest.wait(dag_id, run_id)["state"] == state
        return get(airflow, "admin", f"/scoring/dags/{dag_id}/runs/{quote(run_id)}")

    # Nothing of that day was published, so that there is nothing to measure.
    assert "There was nothing to do" in tab("success", DAY).text
    run_id = nights_home.score(name, date.fromisoformat(DAY)).run_id
    failed = tab("failed", DAY)
    assert (failed.status_code, "has scored nothing" in failed.text) == (404, False)
    assert "The task measure failed: " in failed.text
    assert "does not exist" in failed.text
    known = nights_home.table(rows[["entity_id"]].assign(bought=[True, False] * 50))
    outcomes.write_text(f"SELECT entity_id, bought FROM {known}")
    measured = tab("success", DAY)
    assert measured.status_code == 307
    assert measured.headers["location"].endswith(f"/scoring/dags/{name}/reports/{run_id}")


def test_a_night_that_failed_before_it_began_has_a_report(
    nights_home: Home, airflow: Airflow, rest: Rest
) -> None:
    name = asked_job(nights_home, "unbegun", "SELECT 1", "shop")
    path = nights_home.path / "dags" / f"{name}.toml"
    path.write_text(path.read_text().replace("[extract]", '[extract]\nconnection = "nowhere"'))
    ready(airflow, rest, name)
    run_id = rest.trigger(name, None, {"score_date": DAY})
    assert rest.wait(name, run_id)["state"] == "failed"
    assert states(rest, name, run_id)["note_failure"] == {"skipped"}
    answered = get(airflow, "admin", f"/scoring/dags/{name}/runs/{quote(run_id)}")
    assert answered.status_code == 200
    assert "no connection &#39;nowhere&#39;. Set AIRFLOW_CONN_NOWHERE=postgres://" in answered.text
    # What to do is the last that the log says, outside of the groups that are folded.
    lines = rest.log(name, run_id, "extract")
    reason = next(
        number for number, line in enumerate(lines) if line.startswith("no connection 'nowhere'. Set")
    )
    assert lines[reason + 1].startswith("What was published before stays.")
    assert lines[:reason].count("::endgroup::") == sum(line.startswith("::group::") for line in lines)
    assert len(lines[reason + 2 :]) <= 2, lines
