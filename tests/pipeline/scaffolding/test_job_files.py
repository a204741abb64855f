"""pipeline/scaffolding/job_files.py: a job's first files are taken by every command once their names are filled in."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.scaffolding import job_files
from pipeline.scaffolding.files import ScaffoldError
from tests.home import Home

TODAY = date(2024, 3, 1)
DAYS, CUSTOMERS = 10, 60
# What a person fills in.
NAMES = {
    "ID_COLUMN": "customer",
    "FIRST_FEATURE": "visits",
    "SECOND_FEATURE": "channel",
    "FEATURES_TABLE": "customers",
    "OUTCOME_COLUMN": "bought",
    "OUTCOMES_TABLE": "purchases",
    "DATE_COLUMN": "day",
    "SENTENCE that says what is predicted, and of what": "Who buys within a day, of all customers",
    "TEAM": "shop",
}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DuckDB file of customers and what they did."""
    random = np.random.default_rng(1)
    visits = random.integers(0, 20, DAYS * CUSTOMERS)
    channel = random.choice(np.array(["web", "shop", None], dtype=object), DAYS * CUSTOMERS)
    rows = pd.DataFrame(
        {
            "customer": np.tile(np.arange(CUSTOMERS), DAYS),
            "day": np.repeat([TODAY + timedelta(days=number) for number in range(DAYS)], CUSTOMERS),
            "visits": visits,
            "channel": channel,
            "bought": visits + 5 * (channel == "web") + random.normal(0, 3, DAYS * CUSTOMERS) > 12,
        }
    )
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(path) as session:
        session.register("given", rows)
        session.execute("CREATE TABLE customers AS SELECT customer, day, visits, channel FROM given")
        session.execute("CREATE TABLE purchases AS SELECT customer, day, bought FROM given")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"duckdb:///{path}")
    return path


@pytest.fixture
def run(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Runs a command in a home, and gives what it prints."""
    monkeypatch.chdir(home.path)

    def run(command: str) -> str:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        output, complained = capsys.readouterr()
        assert not code, f"{command}: {output}{complained}"
        return output

    return run


def fill_in(home: Path, names: list[str]) -> None:
    """Fill in the names in capitals."""
    for name in names:
        path = home / name
        text = path.read_text()
        for word, value in NAMES.items():
            text = text.replace(word, value)
        path.write_text(text)


def test_once_filled_in_a_job_is_trained_registered_checked_scored_and_evaluated(
    home: Home, warehouse: Path, run: Callable[[str], str]
) -> None:
    name = home.name("churn")
    printed = run(f"scoring new job {name}")
    written = re.findall(r"^wrote (.+)$", printed, re.MULTILINE)
    assert all(Path(path).exists() for path in written)
    for step in (
        "scoring migrate",
        "train.py FIRST LAST",
        f"scoring check {name}",
        f"scoring score {name} DATE",
    ):
        assert step in printed
    fill_in(home.path, written)

    run("scoring migrate")
    script = ["models/" + name + "/train.py", str(TODAY), str(TODAY + timedelta(days=8))]
    trained = subprocess.run(
        [sys.executable, *script],
        cwd=home.path,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stdout + trained.stderr
    *_, register = trained.stdout.splitlines()
    assert f"registered {name} version 1: binary" in run(register)
    assert float(trained.stdout.split("'roc_auc': ")[1].split("}")[0]) > 0.7

    checked = run(f"scoring check {name} --date {TODAY + timedelta(days=9)}")
    assert "FAIL" not in checked
    for what in ("model", "query and rows", "reference", "outcomes", "predictions database"):
        assert f"ok   {what}:" in checked
    scored = run(f"scoring score {name} {TODAY + timedelta(days=9)}")
    assert f"published: {name} 2024-03-10, 60 rows scored, 0 rejected" in scored
    assert "60 of 60 entities have an outcome" in run(f"scoring outcomes {name} 2024-03-10")
    assert len(home.predictions(name)) == CUSTOMERS


def environment(home: Home) -> dict[str, str]:
    """The environment of a training script; a checkout's tests do not need the package to be installed."""
    return {**os.environ, "PYTHONPATH": str(Path(job_files.__file__).parents[2])}


def test_too_few_days_are_said(home: Home, warehouse: Path, run: Callable[[str], str]) -> None:
    name = home.name("churn")
    fill_in(home.path, job_files.make(home.path, name, TODAY))
    command = [sys.executable, f"models/{name}/train.py", "2024-03-01", "2024-03-03"]
    ended = subprocess.run(
        command, cwd=home.path, env=environment(home), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "only 3 of these score dates have rows, and 5 are needed" in ended.stderr


@pytest.mark.parametrize("name", ["Churn", "1st", "two words", "../churn", "a.b", "", "x" * 64, "class-a"])
def test_a_name_that_no_job_may_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScaffoldError, match="cannot be a job's name. Use a lower-case word of letters"):
        job_files.make(tmp_path, name, TODAY)
    assert [*tmp_path.rglob("*")] == []


@pytest.mark.parametrize(
    "there", ["dags/churn.toml", "sql/churn/features.sql", "sql/churn/outcomes.sql", "models/churn/train.py"]
)
def test_a_file_that_is_there_stays_and_nothing_is_written_beside_it(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(
        ScaffoldError, match=f"{there} in .*: there already. Nothing was written. Choose another"
    ):
        job_files.make(tmp_path, "churn", TODAY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / there]
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("blocking", ["dags", "sql/churn", "models"])
def test_a_file_where_a_folder_belongs_is_named_and_nothing_is_written(tmp_path: Path, blocking: str) -> None:
    (tmp_path / blocking).parent.mkdir(exist_ok=True)
    (tmp_path / blocking).write_text("mine")
    with pytest.raises(ScaffoldError, match=f"{blocking} is a file, and a folder belongs there. Nothing was"):
        job_files.make(tmp_path, "churn", TODAY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / blocking]


def test_a_second_job_leaves_the_first_and_the_schema_as_they_are(tmp_path: Path) -> None:
    *first, schema = job_files.make(tmp_path, "churn", TODAY)
    assert schema == "job.schema.json"
    (tmp_path / schema).write_text("older")
    before = [(tmp_path / name).read_text() for name in first]
    job_files.make(tmp_path, "upsell", TODAY)
    assert [(tmp_path / name).read_text() for name in first] == before
    assert (tmp_path / "job.schema.json").read_text() == "older"


def test_an_editor_finds_the_schema_by_the_first_line(tmp_path: Path) -> None:
    job_files.make(tmp_path, "churn", TODAY)
    first, *_ = (tmp_path / "dags" / "churn.toml").read_text().splitlines()
    schema = (tmp_path / "dags" / first.removeprefix("#:schema ")).resolve()
    assert schema.read_text() == job_files.schema_text()


def test_the_training_script_is_written_as_our_code_is(tmp_path: Path) -> None:
    job_files.make(tmp_path, "churn", TODAY)
    path = tmp_path / "models" / "churn" / "train.py"
    tree = ast.parse(path.read_text())
    assert all(ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    style = [
        str(Path(sys.executable).parent / "ruff"),
        "--config",
        str(Path(__file__).parents[3] / "pyproject.toml"),
    ]
    for how in (["check"], ["format", "--check"]):
        ended = subprocess.run(
            [style[0], *how, *style[1:], str(path)], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout
