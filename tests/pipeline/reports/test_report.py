"""pipeline/reports/report.py: one page that tells what became of a run, stands alone, and takes any text for text."""

import itertools
import re
import shutil
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.late_data.recheck import recheck
from pipeline.reports import queries
from pipeline.reports import report as reports
from pipeline.reports.links import Links
from pipeline.runs.decisions import decide, roll_back
from pipeline.runs.publications import Held
from tests.home import NIGHT, Home, shop_rows
from tests.hostile import HOSTILE
from tests.pipeline.shop import Shop

VOID = {"meta", "br", "hr", "wbr"}


class Page(HTMLParser):
    """A page as a browser reads it: its text, its elements, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def said(self) -> str:
        """The page's text in one line."""
        return " ".join(" ".join(self.words).split())


def report(home: Home, run_id: int) -> str:
    """A run's report, read as an analyst: the web server's role."""
    return reports.report(home.server.connections["analyst"], home.path, run_id)


def test_a_published_run(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    page = Page(report(shop.home, done.run_id))
    assert f"{shop.job}, {NIGHT}" in page.said
    assert "Published: 100 rows scored, 0 rejected, nothing unusual." in page.said
    assert "Extracted 100 Rejected 0 (0.00%) Scored 100" in page.said
    assert "part by part (3)" in page.said
    assert "shop version 1: its card" in page.said
    assert "nothing to roll back to" in page.said
    assert ("p", "class", "headline good") in page.attributes
    # With a step back there is one.
    shop.change("visits = visits + 1")
    again = shop.home.score(shop.job)
    html = Page(report(shop.home, again.run_id)).said
    assert f"Roll back: show run {done.run_id} to analysts again" in html
    assert f'scoring rollback {shop.job} {NIGHT} --reason "WHY"' in html
    before = Page(report(shop.home, done.run_id)).said
    assert (
        f"another run has replaced it: 100 rows scored, 0 rejected. Analysts see run {again.run_id}."
        in before
    )
    roll_back(shop.home.approver, shop.job, NIGHT, by="ann", reason="worse")
    assert "Published: 100 rows" in Page(report(shop.home, done.run_id)).said


def test_what_was_rejected_is_counted_and_no_value_is_told(shop: Shop) -> None:
    shop.change("channel = 'a value of a person'", "visits < 3")
    shop.configure(
        r"\[gate\]", "[contract]\nunknown_category = 'reject'\n[gate]\nmax_rejected_fraction = 0.9"
    )
    done = shop.home.score(shop.job)
    page = report(shop.home, done.run_id)
    assert f"channel unknown_category {done.rows_rejected}" in Page(page).said
    assert "a value of a person" not in page


def test_a_held_run_says_why_and_how_to_decide(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    run_id = shop.home.last_run(shop.job)["run_id"]
    page = Page(report(shop.home, run_id)).said
    assert "Held until a person decides: 100 rows scored, 0 rejected." in page
    assert "100 rows were scored, and gate.min_rows is 1000" in page
    assert f'scoring approve {run_id} --reason "WHY"' in page
    decide(shop.home.approver, run_id, approve=False, by="ann", reason="too few")
    assert "Held, and then rejected by ann: 100 rows scored" in Page(report(shop.home, run_id)).said


def test_a_failed_and_a_dry_run(shop: Shop) -> None:
    shop.home.score(shop.job)
    shop.query("SELECT nothing FROM {table}")
    with pytest.raises(Exception, match="nothing"):
        shop.home.score(shop.job, NIGHT + timedelta(days=1))
    page = Page(report(shop.home, shop.home.last_run(shop.job)["run_id"]))
    assert "Failed: no row was scored. Analysts see nothing for this score date." in page.said
    assert "have not all been read" in page.said
    assert "Nothing was scored." in page.said
    shop.query("SELECT * FROM {table}")
    with pytest.raises(Exception, match="dry run"):
        shop.home.score(shop.job, dry_run=True)
    dry = Page(report(shop.home, shop.home.last_run(shop.job)["run_id"]))
    assert "A dry run: 100 rows scored, 0 rejected. A dry run is never published." in dry.said


def test_the_last_weeks_are_drawn(shop: Shop) -> None:
    days = [NIGHT + timedelta(days=number) for number in (0, 1, 3)]
    for day in days:
        shop.change("amount = amount + 1")
        last = shop.home.score(shop.job, day)
    page = report(shop.home, last.run_id)
    assert f"3 days from {days[0]} to {days[-1]}: least 100, most 100, 100 on {days[-1]}." in page
    assert page.count('<polyline class="line"') >= 2  # the night without a run is a gap


def test_what_was_found_unusual_is_told_first(shop: Shop) -> None:
    shop.change("channel = 'fax'", "visits < 3")
    limits = "[contract]\nunknown_category = 'reject'\n[gate]\nmax_rejected_fraction = 0.001"
    shop.configure(r"\[gate\]", f'{limits}\nrejected_fraction = "warn"')
    page = Page(report(shop.home, shop.home.score(shop.job).run_id))
    assert "To check: many rows rejected." in page.said
    assert "and gate.max_rejected_fraction is 0.001" in page.said
    assert ("p", "class", "headline warn") in page.attributes


def test_what_became_of_it_once_somebody_knows(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    assert "The outcomes of this run have not been evaluated." in Page(report(shop.home, run_id)).said
    statement = "SELECT scoring.replace_outcomes(:run_id, ARRAY['', 'channel'], ARRAY['', 'web'],"
    shop.home.sql(f"{statement} ARRAY['roc_auc', 'roc_auc'], ARRAY[0.75, 0.5])", run_id=run_id)
    page = Page(report(shop.home, run_id))
    assert "ROC AUC 0.75 " in page.said
    assert "By channel ROC AUC web 0.5 " in page.said.split(" Outcomes ")[1].split("The last weeks")[0]
    assert f"least 0.75, most 0.75, 0.75 on {NIGHT}." in page.said


def test_the_page_leads_to_the_dates_beside_it_and_into_airflow(shop: Shop) -> None:
    days = [NIGHT + timedelta(days=number) for number in (0, 2, 3)]
    runs = [shop.home.score(shop.job, day).run_id for day in days]
    links = Links(
        "/all",
        lambda job, run_id: f"/{job}/{run_id}",
        lambda *_: "/form",
        lambda *_: "/dag run",
        "/dags/{}".format,
        "/card/{}/{}".format,
    )
    analyst = shop.home.server.connections["analyst"]

    def ways(run_id: int) -> list[str | None]:
        page = reports.report(analyst, shop.home.path, run_id, links)
        nav = Page(page.partition("<nav")[2].partition("</nav>")[0].partition(">")[2])
        return [value for tag, name, value in nav.attributes if (tag, name) == ("a", "href")]

    assert ways(runs[1]) == ["/all", f"/{shop.job}/{runs[0]}", f"/{shop.job}/{runs[2]}", "/dag run"]
    assert ways(runs[0]) == ["/all", f"/{shop.job}/{runs[1]}", "/dag run"]
    held = shop.hold(NIGHT + timedelta(days=9))
    assert ways(held)[-1] == "/form"
    assert "<nav" not in report(shop.home, runs[1])  # which stands alone


def test_the_job_file_and_the_query_are_readable_and_say_whether_they_have_changed(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    page = Page(report(shop.home, run_id)).said
    assert f"dags/{shop.job}.toml, as the run had it" in page
    assert f"sql/{shop.job}.sql, as the run had it SELECT * FROM {shop.table} ORDER BY entity_id" in page
    shop.query("SELECT * FROM {table} WHERE visits > 0")
    assert (
        f"sql/{shop.job}.sql, which has changed since the run SELECT *"
        in Page(report(shop.home, run_id)).said
    )


def test_figures_of_a_date_that_the_model_has_seen_say_so_and_are_no_trend(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    statement = """SELECT scoring.replace_outcomes(:run_id, ARRAY['', ''], ARRAY['', ''],
        ARRAY['roc_auc', 'in_sample'], ARRAY[0.75, :seen])"""
    for seen in (0, 1):
        shop.home.sql(statement, run_id=run_id, seen=seen)
        text = Page(report(shop.home, run_id)).said
        assert "0.75" in text
        assert ("In sample: the model was trained on this score date." in text) == bool(seen)
        assert ("ROC AUC, once the outcomes were known" in text) != bool(seen)
        [day] = queries.days(shop.home.server.connections["analyst"], [shop.job])
        assert day.figure("roc_auc") == (None if seen else 0.75)


def test_features_stand_beside_the_training_data_the_most_unusual_first(shop: Shop) -> None:
    shop.change("visits = visits + 40")
    run_id = shop.home.score(shop.job).run_id
    page = Page(report(shop.home, run_id))
    features = page.said.split("Features The most unusual features come first")[1].split(" Outcomes ")[0]
    assert features.count(" times the limit") == 4 + 1  # and the quiet ones, folded
    assert features.index(" visits ") < features.index(" features as usual, the farthest at ")
    assert features.index(" visits ") < min(
        features.index(f" {name} ") for name in ("amount", "channel", "member")
    )
    assert "registered without training days" in features
    assert "! unusual" in features
    assert page.said.count("Reference: most in") == 4
    # A model that is gone from the store takes the comparison with it, and nothing else.
    shutil.rmtree(shop.home.path / "models" / "shop")
    alone = Page(report(shop.home, run_id)).said
    assert "there is nothing to compare with" in alone
    assert "has no MODEL_CARD.md here" in alone
    assert alone.count("This run: most in") == 5
    # A run of before profiles were kept.
    shop.home.sql("DELETE FROM scoring.profiles WHERE run_id = :run_id", run_id=run_id)
    assert "This run has no histogram of its scores." in Page(report(shop.home, run_id)).said


def require_alone(text: str) -> Page:
    """A page that loads nothing, runs nothing, and can be read out loud."""
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video"} & set(
        page.tags
    )
    loads = {"src", "srcset", "xlink:href", "poster", "background", "action"}
    assert not [name for _, name, _ in page.attributes if name in loads or name.startswith("on")]
    assert not [value for tag, name, value in page.attributes if name == "href" and tag != "a"]
    assert not re.findall(r"@import|url\(|https?:", text)
    assert "default-src 'none'" in text
    assert ("html", "lang", "en") in page.attributes
    for medium in ("prefers-color-scheme: dark", "media print", "width=device-width"):
        assert medium in text
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for told in ("title", "desc"):  # what a screen reader says of a picture
        assert text.count(f"<{told}></{told}>") == 0
    assert page.attributes.count(("svg", "role", "img")) == text.count('role="img"') == text.count("<desc>")
    return page


def test_it_stands_alone(shop: Shop) -> None:
    card = "# A model\n\n## Data\n\n### Small print\n"
    (shop.home.path / "models" / "shop" / "1" / "MODEL_CARD.md").write_text(card)
    text = report(shop.home, shop.home.score(shop.job).run_id)
    require_alone(text)
    assert "<h3>A model</h3>\n<h4>Data</h4>\n<h5>Small print</h5>" in text


@pytest.mark.parametrize("columns", [15, 60])
def test_a_page_of_many_columns_is_less_than_300_kb(home: Home, columns: int) -> None:
    """Beside forty training nights, with as many bins as there can be: numbers, and categories of a hundred texts."""
    random, days = np.random.default_rng(0), pd.date_range("2024-01-01", periods=40).date
    rows = 4000
    values = {f"number_{place:02d}": random.lognormal(size=rows) for place in range(columns // 2)}
    values |= {
        f"category_{place:02d}": random.choice([f"a text of some length {one}" for one in range(100)], rows)
        for place in range(columns - columns // 2)
    }
    training = pd.DataFrame(values).assign(
        night=np.repeat(days, rows // len(days)), unseen=random.random(rows)
    )
    features = training[list(values)]
    model = make_pipeline(
        make_column_transformer(("passthrough", [name for name in values if name.startswith("number")])),
        LogisticRegression(),
    ).fit(features, random.random(rows) < 0.5)
    training.to_parquet(nights := home.path / "nights.parquet")
    home.model("wide", model, features, nights=nights, night_column="night", score_column="unseen")
    tonight = features.head(300).assign(entity_id=[f"e{place:04d}" for place in range(300)])
    job = home.job(f"SELECT * FROM {home.table(tonight)}", "wide")
    text = report(home, home.score(job).run_id)
    assert text.count('<svg class="histogram"') == columns + 1
    assert text.count('<polygon class="band"') == columns + 1
    assert len(text.encode()) < 300_000
    require_alone(text)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_models_of_other_kinds_without_nights_and_without_results(home: Home, kind: str) -> None:
    features = shop_rows(400).drop(columns="entity_id")[["visits", "member"]]
    wanted = features["visits"] * 1.5
    model = Ridge().fit(features, wanted)
    if kind == "multiclass":
        wanted = pd.cut(features["visits"], 3, labels=["few", "some", "many"]).astype(str)
        model = LogisticRegression(max_iter=1000).fit(features, wanted)
    home.model(kind, model, features)
    job = home.job(f"SELECT entity_id, visits, member FROM {home.table(shop_rows())}", kind)
    page = require_alone(report(home, home.score(job).run_id))
    assert "registered without training days" in page.said
    assert "nine training days in ten" not in page.said
    assert "The outcomes of this run have not been evaluated." in page.said
    scores = page.said.split("Scores Mean")[1].split("Features")[0]
    assert "% of the rows" in scores
    assert ("Label Share" in scores) == (kind == "multiclass")


def test_hostile_text_stays_text(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 1000")
    with pytest.raises(Held):
        shop.home.score(shop.job)
    run_id = shop.home.last_run(shop.job)["run_id"]
    nasty = "".join(HOSTILE).replace("\0", "") + "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    (shop.home.path / "models" / "shop" / "1" / "MODEL_CARD.md").write_text(
        f"# {nasty}\n\n![x](http://127.0.0.1/x.png)\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1))"
    )
    owner: dict[str, Any] = {"run_id": run_id, "nasty": nasty}
    for statement in (
        "UPDATE scoring.scoring_runs SET status_reason = :nasty, trigger = :nasty, model_sha256 = :nasty"
        " WHERE run_id = :run_id",
        "INSERT INTO scoring.run_metrics VALUES (:run_id, 'label_share:' || :nasty, 0.5)",
        "INSERT INTO scoring.feature_metrics VALUES (:run_id, :nasty, 'null', 1)",
        "INSERT INTO scoring.rejected_rows VALUES (:run_id, 0, 1, :nasty, :nasty, :nasty, :nasty)",
    ):
        shop.home.sql(statement, **owner)
    page = Page(report(shop.home, run_id))
    assert not {"script", "img", "x"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not [value for _, name, value in page.attributes if name == "href" and "javascript" in str(value)]
    assert "<script>alert(1)</script>" in page.said


def test_a_huge_run_makes_a_page_of_less_than_300_kb(shop: Shop) -> None:
    done = shop.home.score(shop.job)
    path = shop.home.path / "models" / "shop" / "1" / "MODEL_CARD.md"
    path.write_text("| a | b |\n|---|---|\n" + "| 1 | <x> |\n" * 50_000)
    many = "FROM generate_series(1, 1000) AS n"
    for statement in (
        f"INSERT INTO scoring.run_metrics SELECT :run_id, 'label_share:' || repeat('<', 60) || n, 0.1 {many}",
        f"INSERT INTO scoring.feature_metrics SELECT :run_id, repeat('<', 60) || n, 'null', 1 {many}",
        f"INSERT INTO scoring.rejected_rows SELECT :run_id, 0, n, 'e', repeat('<', 60) || n, 'null', 'v' {many}",
        f"INSERT INTO scoring.run_parts SELECT :run_id, 1000 + n, 1, 1, 'x', 0, 'x', now() {many}",
    ):
        shop.home.sql(statement, run_id=done.run_id)
    page = report(shop.home, done.run_id)
    assert len(page.encode()) < 300_000
    assert "And 970 more." in Page(page).said
    assert "Cut here" in page


def test_nights_that_nobody_saw_are_no_history(shop: Shop) -> None:
    shop.home.score(shop.job)
    last = date(2024, 3, 3)
    nights = shop.home.score(shop.job, last)
    assert f"2 days from {NIGHT} to {last}" in report(shop.home, nights.run_id)


def test_the_command_writes_it(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = shop.home.score(shop.job).run_id
    monkeypatch.chdir(tmp_path)
    for words, name in (([], f"report-{run_id}.html"), (["--out", "r.html"], "r.html")):
        ended = CliRunner().invoke(app, ["report", str(run_id), *words])
        assert (ended.exit_code, ended.output) == (0, f"wrote {name}\n")
        assert f"run {run_id}" in (tmp_path / name).read_text()


def test_late_data_stand_on_the_page_of_the_run_that_analysts_see(shop: Shop) -> None:
    run_id = shop.home.score(shop.job).run_id
    assert "Late data" not in report(shop.home, run_id)
    recheck(shop.home.workspace, shop.home.read(shop.job), NIGHT)
    assert "No row had changed, gone or come since." in Page(report(shop.home, run_id)).said
    shop.change("visits = visits + 1, amount = 1", "entity_id < 'customer-00007'")
    shop.change("visits = visits + 1", "entity_id = 'customer-00008'")
    recheck(shop.home.workspace, shop.home.read(shop.job), NIGHT)
    text = Page(report(shop.home, run_id)).said
    assert "gave 100 rows. 8 changed, 0 gone, 0 new." in text
    assert f"scoring score {shop.job} {NIGHT}" in text
    assert text.index("visits 8") < text.index("amount 7")
    [day] = queries.days(shop.home.server.connections["analyst"], [shop.job])
    assert [alarm.word for alarm in day.news] == ["late data"]
