"""The pages in Airflow's web UI: for those only who may see the DAG, and in a real browser."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from local.airflow import Airflow
from local.rest import Rest
from tests.e2e.test_nights import ready
from tests.home import Home, shop_model, shop_rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

DAY = "2024-09-02"


@pytest.fixture(scope="module")
def night(nights_home: Home, airflow: Airflow, rest: Rest) -> tuple[str, str]:
    """A job, and the DAG run of a night that it has scored."""
    if not (nights_home.path / "models" / "shop").exists():
        nights_home.model("shop", *shop_model(), outcome="bought")
    query = f"SELECT * FROM {nights_home.table(shop_rows(100))} ORDER BY entity_id"
    name = nights_home.job(query, "shop", name=nights_home.name("paged"))
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
    report = nights_home.last_run(name)["run_id"]
    return [
        "/scoring/",
        f"/scoring/dags/{name}/runs/{quote(run_id)}",
        f"/scoring/dags/{name}/reports/{report}",
    ]


def test_every_page_needs_a_login_and_the_right_to_see_the_dag(
    nights_home: Home, airflow: Airflow, night: tuple[str, str]
) -> None:
    overview, *reports = paths(nights_home, night)
    for path in (overview, *reports):
        assert get(airflow, None, path).status_code == 401
        assert night[0] not in get(airflow, None, path).text
        found = get(airflow, "ana", path)
        assert (found.status_code, night[0] in found.text) == (200, True)
        assert found.headers["Content-Security-Policy"].startswith("default-src 'none'")
    for path in reports:
        assert get(airflow, "guest", path).status_code == 403
    found = get(airflow, "guest", overview)
    assert (found.status_code, night[0] in found.text) == (200, False)


@pytest.mark.parametrize("path", ["/scoring/openapi.json", "/scoring/docs", "/scoring/redoc"])
def test_no_page_tells_strangers_what_routes_there_are(airflow: Airflow, path: str) -> None:
    assert get(airflow, None, path).status_code in (401, 404)


def test_what_is_not_there_is_not_found(nights_home: Home, airflow: Airflow, night: tuple[str, str]) -> None:
    name, run_id = night
    report = nights_home.last_run(name)["run_id"]
    for path in (
        f"/scoring/dags/unknown/runs/{quote(run_id)}",
        f"/scoring/dags/unknown/reports/{report}",  # another job's run is not to be seen by this door
        f"/scoring/dags/{name}/runs/manual__never",
        f"/scoring/dags/{name}/reports/999999999",
    ):
        assert get(airflow, "ana", path).status_code == 404, path
    assert get(airflow, "ana", f"/scoring/dags/{name}/reports/one").status_code == 422


@pytest.fixture(scope="module")
def page(airflow: Airflow) -> "Iterator[Page]":
    """A real browser, logged in as the administrator."""
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
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(airflow.url)
        opened.locator("input[name=username]").fill("admin")
        opened.locator("input[name=password]").fill(airflow.password)
        opened.locator("button[type=submit]").click()
        opened.get_by_role("link", name="Dags").first.wait_for()
        yield opened


def test_a_dag_run_has_a_tab_with_its_report(airflow: Airflow, night: tuple[str, str], page: "Page") -> None:
    name, run_id = night
    page.goto(f"{airflow.url}/dags/{name}/runs/{quote(run_id)}")
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("iframe")
    report.get_by_text("Published: 100 rows scored, 0 rejected, nothing unusual.").wait_for()
    page.goto(f"{airflow.url}/dags/{name}/runs/{quote(run_id)}/plugin/report")  # as messages link to it
    report.get_by_text("Published: 100 rows scored, 0 rejected, nothing unusual.").wait_for()
    assert report.locator("svg.history").count() > 0


def test_the_page_scoring_leads_to_reports(airflow: Airflow, night: tuple[str, str], page: "Page") -> None:
    page.goto(f"{airflow.url}/plugin/scoring")
    scoring = page.frame_locator("iframe")
    lane = scoring.locator("section", has=page.get_by_role("heading", name=night[0], exact=True))
    # Its last night may be today's, which the scheduler has run meanwhile.
    lane.get_by_text(re.compile(r"^\d{4}-\d\d-\d\d: published, 100 rows scored")).first.wait_for()
    lane.locator("svg.calendar a").first.click()
    scoring.get_by_role("heading", name=re.compile(rf"^{night[0]}, \d{{4}}-")).wait_for()
