"""pipeline/reports/cards/page.py: a run leads to its version's card, which shows the reader's own jobs alone."""

import pytest

from pipeline.model import registry
from pipeline.reports import queries
from pipeline.reports.cards import quality
from pipeline.reports.cards.page import of_run
from pipeline.reports.links import Links
from pipeline.reports.overview import overview
from pipeline.reports.report import report
from tests.home import Home
from tests.pipeline.monitoring.first_run.promotions import evidence_of, keep, promotion_of
from tests.pipeline.reports.test_report import Page
from tests.pipeline.shop import open_shop

LINKS = Links(
    "/all", "/report/{}/{}".format, lambda *_: None, lambda *_: None, "/dags/{}".format, "/card/{}/{}".format
)


def test_the_words_of_its_people_and_the_records_of_the_readers_jobs(home: Home) -> None:
    shop, other = open_shop(home), open_shop(home)
    run_id, analyst = home.score(shop.job).run_id, home.server.connections["analyst"]
    home.score(other.job)
    folder = home.path / "models" / "shop" / "1"
    (folder / "MODEL_CARD.md").write_text("# shop\n\n**Intended use.** Letters. <script>alert(1)</script>\n")
    pinned = registry.resolve(home.path, "shop", "champion")
    keep(home.path, promotion_of(pinned, 7, evidence_of(shop.job), evidence_of(other.job)))
    text = of_run(analyst, home.path, run_id, [shop.job], LINKS)
    page = Page(text)
    assert "<script>" not in text
    for words in (
        "Intended use. Letters.",
        "task binary, 4 features",
        f"{shop.job} The last 1 published dates that it scored",
        f"ada promoted it to champion after version 7. {shop.job}: better on 12 dates",
    ):
        assert words in page.said
    assert other.job not in page.said
    assert other.job in Page(of_run(analyst, home.path, run_id, [shop.job, other.job], LINKS)).said
    for href in ("/all", f"/report/{shop.job}/{run_id}"):
        assert ("a", "href", href) in page.attributes
    here = ("a", "href", f"/card/{shop.job}/{run_id}")
    assert here in Page(report(analyst, home.path, run_id, LINKS)).attributes
    assert here in Page(overview(analyst, [shop.job], LINKS)).attributes


def test_a_run_without_a_version_or_whose_version_is_gone_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(home)
    analyst, run_id = home.server.connections["analyst"], home.score(shop.job).run_id
    (home.path / "models" / "shop" / "versions.toml").unlink()
    assert "The card cannot be read: " in of_run(analyst, home.path, run_id, [shop.job], LINKS)
    with pytest.raises(queries.NoSuchRun):
        of_run(analyst, home.path, 10**9, [], LINKS)
    before = {"run_id": run_id, "job": shop.job, "model_name": "shop", "model_version": None}
    monkeypatch.setattr(quality, "run", lambda *_: before)
    assert "failed before it loaded a version" in of_run(analyst, home.path, run_id, [shop.job], LINKS)
