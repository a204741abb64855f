"""pipeline/cli/setup.py: a job is checked without a trace, jobs are listed, a model is registered."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from joblib import dump

from tests.home import NIGHT, Home, shop_model
from tests.pipeline.cli.command import Command
from tests.pipeline.cli.spoiling import spoil_model, spoil_query
from tests.pipeline.shop import Shop
from tests.sinks import Web, web

__all__ = ["web"]


def test_check_of_a_good_job_finds_everything_in_order(shop: Shop, run: Command) -> None:
    code, output, _ = run("check", shop.job)
    assert code == 0
    assert len(re.findall(r"\bok [a-z' ]+:", output)) == 8
    assert "100 rows of 2024-01-01 read and scored, 0 would be rejected" in output
    assert re.search(r"schema at revision \d{4}, and the role may write", output)


def test_check_writes_nothing(shop: Shop, run: Command) -> None:
    counts = """
        SELECT (SELECT count(*) FROM scoring.scoring_runs) AS runs,
               (SELECT count(*) FROM scoring.prediction_rows) AS rows,
               (SELECT count(*) FROM scoring.rejected_rows) AS rejected
    """
    shop.change("channel = NULL", "entity_id = 'customer-00001'")
    before = shop.home.sql(counts)
    code, output, _ = run("check", shop.job, "--date", NIGHT)
    assert code == 0
    assert "1 would be rejected (channel: null)" in output
    assert shop.home.sql(counts) == before
    assert not Path(shop.home.store).exists()


def test_check_sends_a_message_and_says_where_it_went(
    shop: Shop, run: Command, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output, _ = run("check", shop.job, "--send-test")
    assert code == 1
    assert f"FAIL test message: {shop.job}.toml names nobody." in output
    shop.configure(r"\[gate\]", '[alerts]\nto = "alerts"\n\n[gate]')
    connection = {"conn_type": "apprise", "extra": {"config": [{"path": web.url}]}}
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", json.dumps(connection))
    code, output, _ = run("check", shop.job)
    assert (code, web.got) == (0, [])
    code, output, _ = run("check", shop.job, "--send-test")
    assert code == 0
    assert "ok test message: json://caller:****@127.0.0.1:" in output
    [posted] = web.got
    assert posted["title"] == f"{shop.job}: a test message"
    web.status = 500
    code, output, _ = run("check", shop.job, "--send-test")
    assert code == 1
    assert "was not reached" in output
    assert "secret-word" not in output


def no_rows(shop: Shop) -> None:
    shop.query("SELECT * FROM {table} WHERE false")


def no_column(shop: Shop) -> None:
    shop.query("SELECT entity_id, amount, visits, channel FROM {table}")


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (spoil_query, "FAIL query and rows: "),
        (no_column, "column 'member', which the model takes, is missing"),
        (no_rows, "gives no rows on 2024-01-01. Name a date that has some: --date."),
        (spoil_model, "FAIL model: "),
    ],
)
def test_check_says_what_fails(shop: Shop, run: Command, spoil: Callable[[Shop], None], finding: str) -> None:
    spoil(shop)
    code, output, complained = run("check", shop.job)
    assert code == 1
    assert finding in output
    assert "Traceback" not in output + complained
    assert shop.runs() == []


@pytest.mark.parametrize(
    ("database", "role", "finding"),
    [
        ("predictions", "analyst", "the role lacks INSERT on scoring.prediction_rows"),
        ("postgres", "postgres", "it has no schema `scoring`. Run: scoring migrate"),
        ("nowhere", "scoring_pipeline", 'database "nowhere" does not exist'),
    ],
)
def test_check_says_what_is_wrong_with_the_predictions_database(
    shop: Shop, run: Command, database: str, role: str, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", shop.home.server.uri(database, role))
    code, output, complained = run("check", shop.job, "--date", NIGHT)
    assert code == 1
    assert "FAIL predictions database: " in output
    assert finding in output
    assert "Traceback" not in output + complained


def test_jobs_are_listed(shop: Shop, run: Command) -> None:
    code, output, _ = run("jobs", "--json")
    assert code == 0
    [job] = json.loads(output)
    assert (job["name"], job["extract"]["rows_per_part"], job["model"]["alias"]) == (shop.job, 40, "champion")
    assert run("jobs")[1].count("champion") == 1


def test_a_broken_job_file_does_not_hide_the_others(shop: Shop, run: Command) -> None:
    (shop.home.path / "dags" / "broken.toml").write_text("=")
    code, output, complained = run("jobs", "--json")
    assert code == 2
    assert [job["name"] for job in json.loads(output)] == [shop.job]
    assert "broken.toml: not a TOML file" in complained


def test_a_model_is_registered(home: Home, run: Command) -> None:
    estimator, reference = shop_model()
    dump(estimator, home.path / "m.joblib")
    reference.to_parquet(home.path / "m.parquet")
    figures = home.path / "figures.json"
    options = ("--reference", home.path / "m.parquet", "--alias", "champion", "--metrics", figures)
    figures.write_text('{"roc_auc": 0.75}')
    code, output, _ = run(
        "register", "shop", home.path / "m.joblib", *options, "--metrics", home.path / "figures.json"
    )
    assert code == 0
    assert output.startswith("registered shop version 1: binary, 4 features, SHA-256 ")
    figures.write_text("[1]")
    code, _, complained = run(
        "register", "shop", home.path / "m.joblib", *options, "--metrics", home.path / "figures.json"
    )
    assert code == 2
    assert "not a JSON object of named numbers" in complained
    code, _, complained = run(
        "register", "shop", home.path / "m.joblib", *options[:2], "--card", home.path / "m.joblib"
    )
    assert code == 2
    assert "not a text file" in complained
    code, _, complained = run("register", "shop", home.path / "m.joblib", *options[:2], "--planned", "visits")
    assert code == 1
    assert "'visits' is planned, and is no timestamp" in complained
