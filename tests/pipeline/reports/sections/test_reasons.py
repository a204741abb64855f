"""pipeline/reports/sections/reasons.py: what each column carries, and why the highest scores are so high."""

from pipeline.reports.report import report
from pipeline.reports.sections import reasons
from pipeline.reports.sections.reasons import Reasons
from tests.home import Home
from tests.pipeline.cli.reasons.test_commands import typed
from tests.pipeline.shop import open_shop


def test_columns_carry_shares_of_all_and_entities_keep_their_order() -> None:
    rows = [
        {"column_name": "temp", "entities": 9, "mean_size": 0.75, "training_size": 0.5},
        {"column_name": "seats", "entities": 9, "mean_size": 0.25, "training_size": None},
        {"column_name": "carrier", "entities": 9, "mean_size": 0.0, "training_size": 0.0},
    ]
    highest = [
        {"entity_id": name, "score": score, "rank": rank}
        for name, score in (("b", 0.9), ("a", 0.8))
        for rank in (1, 2)
    ]
    section = reasons.section(rows, highest)
    assert section.shares == {"temp": 0.75, "seats": 0.25}
    assert [(each.entity_id, each.score, len(each.reasons)) for each in section.highest] == [
        ("b", 0.9, 2),
        ("a", 0.8, 2),
    ]
    assert section.entities == 9
    assert reasons.section([], []) == Reasons([], [], 0)


def test_a_held_run_s_are_seen_by_whoever_decides_and_by_no_analyst(home: Home) -> None:
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    run = shop.hold()
    typed("explain", run)
    decides = report(home.uri("predictions"), home.path, run)
    assert "Why the ten highest scores are so high" in decides
    [entity] = home.sql(
        "SELECT entity_id FROM scoring.prediction_rows WHERE run_id = :run ORDER BY score DESC, entity_id LIMIT 1",
        run=run,
    )
    assert entity["entity_id"] in decides.replace("<wbr>", "")
    sees = report(home.uri("analyst"), home.path, run)
    assert "<h2>Reasons</h2>" not in sees
    assert entity["entity_id"] not in sees.replace("<wbr>", "")


def test_a_report_shows_them_of_a_run_that_was_explained(home: Home) -> None:
    shop = open_shop(home)
    run = home.score(shop.job).run_id
    analyst = home.uri("analyst")
    assert "<h2>Reasons</h2>" not in report(analyst, home.path, run)
    path = home.path / "dags" / f"{shop.job}.toml"
    path.write_text(f"{path.read_text()}\n[reasons]\norders = 8\n")
    typed("explain", run)
    page = report(analyst, home.path, run)
    assert "Why the ten highest scores are so high" in page
    assert "of the scores</small>" in page


def test_a_report_says_how_many_of_the_highest_have_reasons_and_shows_no_value_that_is_not_kept(
    home: Home,
) -> None:
    shop = open_shop(home)
    path = home.path / "dags" / f"{shop.job}.toml"
    text = path.read_text()
    path.write_text(f"{text}\n[reasons]\norders = 8\nrows = 0.05\n")
    run = home.score(shop.job).run_id
    typed("explain", run)
    kept = report(home.uri("analyst"), home.path, run)
    assert "Why 5 of the ten highest scores are so high" in kept
    assert "<td>visits = " in kept
    path.write_text(f"{text}\n[contract]\nkeep_values = false\n[reasons]\norders = 8\nrows = 0.05\n")
    typed("explain", run)
    assert "<td>visits (+" in report(home.uri("analyst"), home.path, run)
