"""pipeline/__main__.py: every command says what it did, ends with the right code, and shows nobody a traceback."""

import errno
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import typer
from joblib import dump
from sklearn.base import BaseEstimator, RegressorMixin

from pipeline import __main__ as command_line
from pipeline.cli import inspect
from pipeline.inspection.chain import Verification
from pipeline.reports.next_steps import steps
from pipeline.reports.queries import record
from pipeline.runtime import resources
from tests.home import NIGHT, SUPERUSER, Home, shop_model, shop_rows
from tests.pipeline.maintenance.test_retention import age
from tests.pipeline.shop import Shop

Command = Callable[..., tuple[int, str, str]]


class Vast(RegressorMixin, BaseEstimator):
    """A regressor whose scores are so large that two of them cannot be added."""

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Far below nothing, and far above for many visits."""
        return np.where(frame["visits"] > 50, 1.7e308, -1.7e308)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process: its exit code, what it printed, and what it complained of."""

    def run_command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
        try:
            command_line.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        else:
            code = 0
        output, complained = capsys.readouterr()
        return code, " ".join(output.split()), " ".join(complained.split())

    return run_command


def test_a_night_is_scored_and_published(shop: Shop, run: Command) -> None:
    code, output, _ = run("score", shop.job, NIGHT)
    [done] = shop.runs()
    assert code == 0
    assert output == (
        f"run {done['run_id']} published: {shop.job} 2024-03-01, 100 rows scored, 0 rejected, model shop version 1"
    )
    assert len(shop.predictions()) == 100


def test_the_command_line_scores_as_the_stages_do(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    before = shop.predictions()
    shop.configure("a test job", "the same job, told otherwise")
    assert run("score", shop.job, NIGHT)[0] == 0
    after = shop.predictions()
    columns = ["entity_id", "score", "label"]
    assert after[columns].equals(before[columns])
    assert set(after["run_id"]).isdisjoint(before["run_id"])


def test_a_report_is_written_where_it_is_asked_for(shop: Shop, run: Command, tmp_path: Path) -> None:
    number = str(shop.home.score(shop.job).run_id)
    for path in (tmp_path / "r.html", tmp_path / "r.html"):  # again over the first
        assert run("report", number, "--out", str(path))[:2] == (0, f"wrote {path}")
        assert f"{shop.job}, 2024-03-01" in path.read_text()


def test_what_is_wrong_with_a_report_is_named(shop: Shop, run: Command, tmp_path: Path) -> None:
    number = str(shop.home.score(shop.job).run_id)
    file = tmp_path / "file"
    file.write_text("")
    for path, why in (
        (tmp_path / "nowhere" / "r.html", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (file / "r.html", "Not a directory"),
    ):
        code, output, complained = run("report", number, "--out", str(path))
        assert (code, output) == (2, "")
        assert complained == f"{path} cannot be written: {why}. Name another file: --out FILE."
    unwritten = tmp_path / "unwritten.html"
    code, _, complained = run("report", "99999999", "--out", str(unwritten))
    assert code == 2
    assert complained == "no run 99999999. `python -m pipeline runs` lists them."
    assert not unwritten.exists()
    assert run("report", "one")[0] == 2


def test_nothing_to_do_is_done(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    code, output, complained = run("score", shop.job, NIGHT)
    assert (code, output) == (0, "")
    assert "published the same input, model, code and configuration; it stays" in complained


def test_a_dry_run_is_done_and_publishes_nothing(shop: Shop, run: Command) -> None:
    code, _, complained = run("score", shop.job, NIGHT, "--dry-run")
    assert code == 0
    assert "a dry run, 100 rows scored and not published" in complained
    assert shop.predictions().empty


def test_another_version_than_the_alias_may_score(shop: Shop, run: Command) -> None:
    shop.home.model("shop", *shop_model(seed=2), alias="challenger")
    assert run("score", shop.job, NIGHT, "--model-version", 2)[0] == 0
    assert set(shop.predictions()["model_version"]) == {2}


def test_a_held_run_ends_with_3_and_is_approved(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    code, _, complained = run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    assert code == 3
    assert f"run {run_id} of {shop.job} 2024-03-01 is held: 100 rows were scored" in complained
    assert f"python -m pipeline approve {run_id} --by NAME" in complained
    code, output, _ = run("approve", run_id, "--by", "ada", "--reason", "a quiet day")
    assert (code, output) == (0, f"run {run_id} published, approved by ada")
    assert shop.home.last_run(shop.job)["decision_reason"] == "a quiet day"
    assert len(shop.predictions()) == 100


def test_a_held_run_is_rejected(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("reject", run_id, "--by", "ada", "--reason", "wrong")
    assert (code, output) == (0, f"run {run_id} abandoned, rejected by ada")
    assert shop.predictions().empty
    code, _, complained = run("approve", run_id, "--by", "bob", "--reason", "but why")
    assert code == 2
    assert f"run {run_id} is not held" in complained


def test_a_held_run_that_was_overtaken_cannot_be_approved(shop: Shop, run: Command) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    shop.configure("min_rows = 101", "min_rows = 1")
    run("score", shop.job, NIGHT)
    code, output, complained = run("approve", held, "--by", "ada", "--reason", "late")
    assert (code, output) == (1, "")
    assert f"run {held} of {shop.job} 2024-03-01 is not published: run" in complained
    assert set(shop.predictions()["run_id"]).isdisjoint({held})


def test_a_night_is_rolled_back_in_a_persons_name(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = 0")
    run("score", shop.job, NIGHT)
    first, second = (row["run_id"] for row in shop.runs())
    code, output, _ = run("rollback", shop.job, NIGHT, "--by", "[ada]", "--reason", "wrong prices")
    assert (code, output) == (
        0, f"{shop.job} 2024-03-01: run {first} is shown again, run {second} rolled back by [ada]"
    )  # fmt: skip
    assert set(shop.predictions()["run_id"]) == {first}
    code, _, complained = run("rollback", shop.job, NIGHT, "--by", "ada", "--reason", "worse")
    assert code == 2
    assert f"no run was published before run {first}" in complained
    code, _, complained = run("rollback", shop.job, NIGHT, "--to", second, "--by", "ada", "--reason", "...")
    assert code == 2
    assert "the reason '...' says nothing: it has no letter and no digit" in complained
    # What the pages and messages show to be typed is taken as it stands.
    [(_, shown), *_] = steps(record(shop.home.workspace.predictions, second).run)
    code, output, complained = run(*shlex.split(shown)[3:], "--by", "ada")
    assert (code, complained) == (0, "")


def test_the_job_file_says_who_may_decide(shop: Shop, run: Command) -> None:
    held = shop.hold()
    shop.configure("min_rows = 1", 'min_rows = 1\ndeciders = ["ada"]')
    for command in (("approve", held), ("reject", held), ("rollback", shop.job, NIGHT)):
        code, _, complained = run(*command, "--by", "eve", "--reason", "mine")
        assert code == 2
        assert f"eve may not decide on {shop.job}: gate.deciders in {shop.job}.toml names ada" in complained
    assert shop.status(held) == "held"
    assert run("approve", held, "--by", "ada", "--reason", "seen")[0] == 0


def test_with_four_eyes_whoever_scored_does_not_decide(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.configure("min_rows = 1", "min_rows = 101\nfour_eyes = true")
    monkeypatch.setenv("LOGNAME", "eve")
    assert run("score", shop.job, NIGHT)[0] == 3
    scored = shop.home.last_run(shop.job)
    assert (scored["triggered_by"], scored["triggered_as"]) == ("eve", "scoring_pipeline")
    code, _, complained = run("approve", scored["run_id"], "--reason", "mine")
    assert code == 2
    assert "eve triggered the run, and gate.four_eyes" in complained
    # A login that both scores and decides is one pair of eyes, whatever name it states.
    shop.home.sql("GRANT scoring_approver TO scoring_pipeline", SUPERUSER)
    try:
        monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.server.connections["predictions"])
        code, _, complained = run("approve", scored["run_id"], "--by", "ada", "--reason", "seen")
    finally:
        shop.home.sql("REVOKE scoring_approver FROM scoring_pipeline", SUPERUSER)
    assert code == 2
    assert "the login scoring_pipeline began the run, and gate.four_eyes" in complained
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.approver)
    assert run("approve", scored["run_id"], "--by", "ada", "--reason", "seen")[0] == 0
    approved = shop.home.last_run(shop.job)
    assert (approved["decided_by"], approved["decided_as"]) == ("ada", "approver")


def test_only_the_approver_decides(shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    held = shop.hold()
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS_APPROVER", shop.home.server.connections["predictions"])
    code, _, complained = run("reject", held, "--by", "ada", "--reason", "wrong")
    assert code == 2
    assert "permission denied for function reject. Make the connection's role a member" in complained
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_APPROVER")
    code, _, complained = run("reject", held, "--by", "ada", "--reason", "wrong")
    assert code == 2
    assert (
        "Set AIRFLOW_CONN_PREDICTIONS_APPROVER, as a login that is a member of scoring_approver" in complained
    )
    assert shop.status(held) == "held"


def test_the_chain_of_decisions_is_verified(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a shared database, which other tests alter: what a walk comes to is in test_verify.py.
    for violations, code in (((), 0), (("entry 3 (approval of run 7) was altered",), 1)):
        monkeypatch.setattr(inspect, "verify_chain", lambda url, head: Verification(3, "e" * 64, violations))  # noqa: B023
        ended, output, complained = run("verify", "--head", "e" * 64)
        assert ended == code
        assert output.endswith("e" * 64) if not code else "was altered" in complained
    monkeypatch.undo()
    assert run("verify", "--head", "short")[0] == 2


def test_what_people_write_is_shown_as_it_is(shop: Shop, run: Command) -> None:
    shop.configure("a test job", "[/b] [red]x[/red]")
    shop.configure("min_rows = 1", "min_rows = 101")
    assert run("jobs")[1].endswith("[/b] [red]x[/red]")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("reject", held, "--by", "[/ada]", "--reason", "[/no]")
    assert (code, output) == (0, f"run {held} abandoned, rejected by [/ada]")
    assert run("runs", shop.job)[0] == 0
    assert "[/no]" in run("show", held)[1]


def test_a_decision_needs_a_reason(shop: Shop, run: Command) -> None:
    code, _, complained = run("approve", 1, "--by", "ada")
    assert code == 2
    assert "Missing option '--reason'" in complained


# What fails


def spoil_query(shop: Shop) -> None:
    shop.query("SELEC 1")


def spoil_connection(shop: Shop) -> None:
    shop.configure("rows_per_part", 'connection = "nowhere"\nrows_per_part')


def spoil_model(shop: Shop) -> None:
    (shop.home.path / "models" / "shop" / "1" / "model.joblib").write_bytes(b"")


def spoil_job(shop: Shop) -> None:
    shop.configure("owner =", "ownr =")


def spoil_nothing(shop: Shop) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "arguments", "code", "complaint"),
    [
        (spoil_query, ("score", "JOB", "2024-03-01"), 1, "the database refused the query: syntax error"),
        (spoil_model, ("score", "JOB", "2024-03-01"), 1, "is not the registered model"),
        (spoil_nothing, ("score", "JOB", "2024-03-01", "--model-version", "9"), 1, "has no version 9"),
        (
            spoil_connection,
            ("score", "JOB", "2024-03-01"),
            2,
            "no connection 'nowhere'. Set AIRFLOW_CONN_NOWHERE=",
        ),
        (spoil_connection, ("check", "JOB"), 2, "no connection 'nowhere'"),
        (spoil_job, ("score", "JOB", "2024-03-01"), 2, "key 'ownr' is unknown. Did you mean 'owner'?"),
        (spoil_job, ("jobs",), 2, "key 'ownr' is unknown"),
        (spoil_nothing, ("score", "JOB", "tomorrow"), 2, "score date 'tomorrow' is not a date. Write it as"),
        (spoil_nothing, ("score", "JOB", "20240301"), 2, "score date '20240301' is not a date"),
        (
            spoil_nothing,
            ("score", "JOB", "9999-12-31"),
            2,
            "score date 9999-12-31 is not between 1970-01-01 and",
        ),
        (spoil_nothing, ("check", "JOB", "--date", "2024-02-30"), 2, "score date '2024-02-30' is not a date"),
        (spoil_nothing, ("score", "nothing", "2024-03-01"), 2, "no job 'nothing' in"),
        (spoil_nothing, ("score", "JOB"), 2, "Missing argument 'DATE'"),
        (spoil_nothing, ("score", "JOB", "2024-03-01", "--now"), 2, "No such option: --now"),
        (spoil_nothing, ("scores",), 2, "No such command 'scores'"),
        (spoil_nothing, ("show", "999999999"), 2, "no run 999999999. `python -m pipeline runs` lists them"),
        (spoil_nothing, ("show", "first"), 2, "Invalid value for 'RUN': Input should be a valid integer"),
        (spoil_nothing, ("approve", "999999999", "--reason", "x"), 2, "no run 999999999"),
        (
            spoil_nothing,
            ("runs", "--limit", "0"),
            2,
            "Invalid value for '--limit': Input should be greater than",
        ),
        (
            spoil_nothing,
            ("register", "shop", "no.joblib", "--reference", "no.parquet"),
            2,
            "no.joblib cannot be read",
        ),
    ],
)
def test_an_error_ends_with_its_code_and_its_message(
    shop: Shop,
    run: Command,
    spoil: Callable[[Shop], None],
    arguments: tuple[str, ...],
    code: int,
    complaint: str,
) -> None:
    spoil(shop)
    ended, output, complained = run(*(shop.job if word == "JOB" else word for word in arguments))
    assert ended == code
    assert complaint in complained
    assert "Traceback" not in output + complained
    assert shop.predictions().empty


@pytest.mark.parametrize("connection", ["WAREHOUSE", "PREDICTIONS"])
def test_a_server_that_is_not_there_ends_with_1(
    shop: Shop, run: Command, connection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection}", "postgres://ann:s3cret@127.0.0.1:1/nothing")
    code, output, complained = run("score", shop.job, NIGHT)
    assert code == 1
    assert "refused" in complained
    assert "Nothing was published; try again." in complained
    where = {
        "WAREHOUSE": "the warehouse (connection 'warehouse', AIRFLOW_CONN_WAREHOUSE): ",
        "PREDICTIONS": "the predictions database (connection 'predictions', AIRFLOW_CONN_PREDICTIONS): ",
    }[connection]
    assert where in complained
    _, checked, _ = run("check", shop.job)
    assert where in checked
    if connection == "WAREHOUSE":  # else there is nobody to keep it
        assert where in shop.runs()[-1]["status_reason"]
    else:
        _, _, missed = run("report", 1)
        assert where in missed
        complained += missed
    assert "s3cret" not in output + complained + checked


def test_a_database_without_the_schema_says_how_to_make_it(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PREDICTIONS", shop.home.server.uri("postgres"))
    code, _, complained = run("runs")
    assert code == 1
    assert 'relation "scoring.scoring_runs" does not exist. Run: python -m pipeline migrate' in complained
    code, _, complained = run("score", shop.job, NIGHT)
    assert code == 2
    assert 'relation "scoring.identity" does not exist' in complained
    assert "Run `python -m pipeline migrate`" in complained


def test_the_program_ends_as_its_function_does(shop: Shop) -> None:
    shop.configure("min_rows = 1", "min_rows = 101")
    command = [sys.executable, "-m", "pipeline", "score", shop.job, str(NIGHT)]
    ended = subprocess.run(
        command, env={**os.environ, **shop.home.environment}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "is held: 100 rows were scored" in ended.stderr
    assert "Traceback" not in ended.stderr


# What looks


def test_check_of_a_good_job_finds_everything_in_order(shop: Shop, run: Command) -> None:
    code, output, _ = run("check", shop.job)
    assert code == 0
    assert output.count("ok ") == 5
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
        ("postgres", "postgres", "it has no schema `scoring`. Run: python -m pipeline migrate"),
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


def test_a_listing_that_is_piped_keeps_its_lines_whole(shop: Shop, run: Command) -> None:
    shop.configure("a test job", "word " * 60)
    assert ("word " * 60).strip() in run("jobs")[1]


def test_a_broken_job_file_does_not_hide_the_others(shop: Shop, run: Command) -> None:
    (shop.home.path / "dags" / "broken.toml").write_text("=")
    code, output, complained = run("jobs", "--json")
    assert code == 2
    assert [job["name"] for job in json.loads(output)] == [shop.job]
    assert "broken.toml: not a TOML file" in complained


def test_runs_are_listed(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    code, output, _ = run("runs", shop.job, "--json")
    [found] = json.loads(output)
    assert code == 0
    assert (found["status"], found["score_date"], found["rows_scored"]) == ("published", "2024-03-01", 100)
    assert json.loads(run("runs", "no_such_job", "--json")[1]) == []
    assert run("runs", "no_such_job")[1] == "none yet"


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
    assert output.endswith("no baselines: the model was registered without --outcome")
    assert json.loads(run("outcomes", shop.job, NIGHT, "--json")[1])["metrics"]["base_rate"] == 1
    shown = json.loads(run("show", run_id, "--json")[1])["outcomes"]
    assert {"metric": "coverage", "value": 0.6} in shown


def test_a_run_is_shown(shop: Shop, run: Command) -> None:
    shop.change("channel = NULL", "entity_id = 'customer-00001'")
    run("score", shop.job, NIGHT)
    run_id = shop.home.last_run(shop.job)["run_id"]
    code, output, _ = run("show", run_id, "--json")
    document: dict[str, Any] = json.loads(output)
    assert code == 0
    assert (document["run_id"], document["model_name"], len(document["ledger"])) == (run_id, "shop", 3)
    assert document["rejected"] == [{"column_name": "channel", "rule": "null", "rows": 1}]
    code, output, _ = run("show", run_id)
    assert code == 0
    for word in ("model_sha256", document["model_sha256"], "ledger", "metrics", "features", "rejected"):
        assert word in output


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


# Help

TOP = typer.main.get_command(command_line.app)
COMMANDS: dict[str, click.Command] = dict(TOP.commands)  # type: ignore[attr-defined]


def test_the_commands_are_those_of_the_manual() -> None:
    assert set(COMMANDS) == {
        "grant-analyst",
        "migrate",
        "rebuild",
        "revoke-analyst",
        "sample",
        "register",
        "sign",
        "jobs",
        "alerts",
        "check",
        "score",
        "runs",
        "show",
        "report",
        "diff",
        "reproduce",
        "verify",
        "approve",
        "reject",
        "rollback",
        "fallback",
        "outcomes",
        "prune",
        "erase",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(name: str, run: Command) -> None:
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{name} {parameter.name} has no help"
    code, output, _ = run(name, "--help")
    assert code == 0
    assert f"pipeline {name} [OPTIONS]" in output


def test_what_is_due_is_listed_first_and_then_goes(shop: Shop, run: Command) -> None:
    done = shop.home.score(shop.job)
    code, output, complained = run("prune", shop.job)
    assert (code, output) == (0, "nothing is due")
    assert complained.startswith(f"{shop.job}: the database has no [retention] of it, so nothing of it goes.")
    assert run("migrate")[0] == 0
    assert run("prune", shop.job) == (0, "nothing is due", "")
    age(shop, 31)
    code, listed, _ = run("prune", shop.job, "--dry-run")
    assert (code, listed.startswith("job score date run what rows bytes")) == (0, True)
    assert f"{shop.job} 2024-03-01 {done.run_id} parts" in listed
    assert run("prune", shop.job)[1] == listed
    assert json.loads(run("prune", shop.job, "--json")[1]) == []


def test_what_a_removed_job_has_scored_is_erased_and_pruned_by_the_days_that_the_database_has(
    shop: Shop, run: Command
) -> None:
    done, other = shop.home.score(shop.job), shop.home.job("SELECT 1", "shop")
    assert run("migrate")[0] == 0
    path = shop.home.path / "dags" / f"{shop.job}.toml"
    text = path.read_text()
    erased = ("erase", "customer-00041", "--job", shop.job, "--by", "ada", "--reason", "ticket 2041")
    path.write_text("=")  # what a file that cannot be read has stays, save whom the law has erased
    assert "1 rows of predictions" in run(*erased)[1]
    path.unlink()
    assert "in 0 runs: nothing was found" in run(*erased)[1]
    assert run("erase", "customer-00042", *erased[2:])[0] == 0
    assert run("prune") == (0, "nothing is due", "")
    age(shop, 31)
    path.write_text("=")
    assert run("prune")[:2] == (2, "nothing is due")
    path.unlink()
    for jobs in ([], [shop.job]):
        assert f"{shop.job} 2024-03-01 {done.run_id} parts" in run("prune", *jobs, "--dry-run")[1]
    assert run("prune", other, "--dry-run") == (0, "nothing is due", "")
    assert f"{shop.job} 2024-03-01 {done.run_id} parts" in run("prune")[1]
    (shop.home.path / "dags" / f"{other}.toml").unlink()
    assert run("prune", shop.job) == (0, "nothing is due", "")
    path.write_text(text)
    assert run("prune", shop.job) == (0, "nothing is due", "")
    code, _, complained = run("prune", "nobody")
    assert (code, complained.startswith("no job 'nobody' in ")) == (2, True)


def test_a_prune_of_all_jobs_leaves_alone_what_it_cannot_read(shop: Shop, run: Command) -> None:
    (shop.home.path / "dags" / "broken.toml").write_text("=")
    code, _, complained = run("migrate")
    assert code == 0
    assert complained.endswith("Its [retention] stays as it was.")
    shop.home.score(shop.job)
    age(shop, 31)
    code, output, complained = run("prune")
    assert (code, output.count("parts")) == (2, 1)
    assert "broken.toml: not a TOML file" in complained
    assert complained.endswith("What that job has stays.")


def test_the_embedded_janitor_never_prunes_for_a_real_database(
    shop: Shop, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PREDICTIONS_JANITOR")
    for command in (["prune"], ["erase", "somebody", "--job", shop.job, "--reason", "asked"]):
        code, _, complained = run(*command)
        assert code == 2
        assert (
            "Set AIRFLOW_CONN_PREDICTIONS_JANITOR, as a login that is a member of scoring_janitor"
            in complained
        )


def test_an_erasure_prints_its_receipt_and_what_it_cannot_do(shop: Shop, run: Command) -> None:
    shop.home.score(shop.job)
    asked = ("erase", "customer-00041", "--job", shop.job, "--by", "ada", "--reason", "ticket 2041")
    code, output, _ = run(*asked)
    assert code == 0
    assert re.fullmatch(
        rf"erasure \d+ in {shop.job}: 1 rows of predictions, 0 rejected rows, 1 parts, in 1 runs The next night "
        "scores this entity again unless the warehouse has forgotten it too.",
        output,
    )
    assert "in 0 runs: nothing was found" in run(*asked)[1]
    # A run that failed before it had read anything holds nobody.
    query = (shop.home.path / "sql" / f"{shop.job}.sql").read_text()
    shop.query("SELECT nothing FROM {table}")
    assert run("score", shop.job, NIGHT)[0] == 1
    assert run(*asked)[0] == 0
    shop.query(query)
    shop.change("visits = 0")
    open_run = shop.extract().run_id
    code, _, complained = run(*asked)
    assert (code, f"a try may be going on with run {open_run}" in complained) == (1, True)


def test_two_runs_are_compared(shop: Shop, run: Command, capsys: pytest.CaptureFixture[str]) -> None:
    shop.configure("retries = 0", 'retries = 0\nslices = ["channel"]')
    run("score", shop.job, NIGHT)
    shop.change("visits = visits + 3, channel = 'web'", "entity_id LIKE '%3'")
    run("score", shop.job, NIGHT)
    before, after = (row["run_id"] for row in shop.runs())
    code, output, _ = run("diff", before, after, "--top", 2)
    assert code == 0
    assert f"from run {before} of {shop.job} 2024-03-01, superseded" in output
    assert "entities: 100 before, 100 after; 0 appeared, 0 vanished" in output
    assert "changed between the runs: input" in output
    assert "scores: 10 of 100 changed, by 0." in output
    assert "by channel channel entities appeared vanished changed mean_before mean_after" in output
    assert output.count("customer-") == 2
    _, output, _ = run("diff", before, after, "--json")
    document = json.loads(output)
    assert (document["changed"], len(document["largest"])) == (10, 10)
    assert sum(one["entities"] for one in document["slices"]) == 100
    assert run("diff", before, 987654)[0] == 2


def test_what_an_approval_changes_is_told_first(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = visits + 3", "entity_id LIKE '%3'")
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    published, held = (row["run_id"] for row in shop.runs())
    code, output, _ = run("approve", held, "--by", "ada", "--reason", "a quiet day")
    assert code == 0
    assert output.startswith(
        f"from run {published} of {shop.job} 2024-03-01, published to run {held} of {shop.job} 2024-03-01, held"
    )
    assert "scores: 10 of 100 changed" in output
    assert output.endswith(f"run {held} published, approved by ada")


def test_a_comparison_that_fails_is_no_reason_not_to_approve(home: Home, run: Command) -> None:
    rows = shop_rows(10)
    home.model("vast", Vast(), rows[["visits"]])
    shop = Shop(home, home.job(f"SELECT * FROM {(table := home.table(rows))}", "vast"), table)
    run("score", shop.job, NIGHT)
    shop.change("visits = 99", "entity_id LIKE '%3'")
    shop.configure("min_rows = 1", "min_rows = 101")
    run("score", shop.job, NIGHT)
    held = shop.home.last_run(shop.job)["run_id"]
    code, output, complained = run("approve", held, "--by", "ada", "--reason", "a quiet day")
    assert (code, output) == (0, f"run {held} published, approved by ada")
    assert "no comparison with what is published: " in complained
    assert "out of range" in complained


def test_a_run_is_reproduced(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    [done] = shop.runs()
    code, output, _ = run("reproduce", done["run_id"])
    assert code == 0
    assert output == (
        f"run {done['run_id']} of {shop.job} 2024-03-01: 100 rows scored again scored part 100 rows equal, bit for bit "
        "database 100 rows equal, bit for bit reproduced"
    )
    _, output, _ = run("reproduce", done["run_id"], "--json")
    assert json.loads(output)["passed"] is True


def test_a_run_that_is_not_reproduced_ends_with_1(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT, "--dry-run")
    [done] = shop.runs()
    shop.home.sql(
        "UPDATE scoring.prediction_rows SET score = 0.125 WHERE run_id = :run_id AND entity_id = 'customer-00042'",
        run_id=done["run_id"],
    )
    code, output, _ = run("reproduce", done["run_id"])
    assert code == 1
    assert "database 99 rows equal, bit for bit 1 values differ, such as part entity_id where" in output
    assert "1 customer-00042 database score 0.125 0." in output
    assert output.endswith("NOT reproduced")
    code, output, _ = run("reproduce", done["run_id"], "--entity", "customer-00042")
    assert code == 1
    assert "score 0.125, label" in output
    assert "NOT equal" in output


def test_one_score_is_explained_and_held_against_another_runs(shop: Shop, run: Command) -> None:
    run("score", shop.job, NIGHT)
    shop.change("visits = 99", "entity_id = 'customer-00042'")
    shop.change("channel = NULL", "entity_id = 'customer-00043'")
    run("score", shop.job, NIGHT)
    before, after = (row["run_id"] for row in shop.runs())
    code, output, _ = run("reproduce", after, "--entity", "customer-00042", "--against", before)
    assert code == 0
    assert f"customer-00042 in run {after} of {shop.job} 2024-03-01, published score" in output
    assert (
        f", equal part 1 model shop version 1, SHA-256 {shop.runs()[0]['model_sha256']} query {shop.job}.sql"
        in output
    )
    assert "visits 99 int64" in output
    assert f"SELECT * FROM {shop.table} ORDER BY entity_id against run {before}: " in output
    code, output, _ = run("reproduce", after, "--entity", "customer-00042", "--against", before, "--json")
    assert [(one["what"], one["after"]) for one in json.loads(output)["changes"]] == [("visits", 99)]
    code, output, _ = run("reproduce", after, "--entity", "customer-00043")
    assert code == 0
    assert "published score rejected: channel null model shop" in output
    assert run("reproduce", after, "--entity", "nobody")[0] == 2
    code, _, complained = run("reproduce", after, "--against", before)
    assert code == 2
    assert "--against compares one entity in two runs: add --entity ID, or use `diff RUN RUN`" in complained


def test_help_has_every_commands_first_line_whole_and_every_word_in_brackets(run: Command) -> None:
    overview = " ".join(re.sub("[─│╭╮╰╯]", " ", run("--help")[1]).split())
    for command in command_line.app.registered_commands:
        assert command.callback is not None
        docstring = (command.callback.__doc__ or "").replace("\\[", "[")
        # Typer shows the first line only, also where the sentence goes on below it.
        first = docstring.splitlines()[0]
        assert first.endswith(".")
        assert first in overview
        sections = re.findall(r"\[\w+\]", docstring)
        shown = run(command.callback.__name__.replace("_", "-"), "--help")[1] if sections else ""
        assert [section for section in sections if section not in shown] == []


def test_a_file_that_cannot_be_written_is_a_sentence(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/srv/models/shop")

    monkeypatch.setattr(resources, "limit_threads", refuse)
    code, _, complained = run("jobs")
    assert (code, complained[:74]) == (
        1,
        "/srv/models/shop: Read-only file system. Make it writable for this user, o",
    )
