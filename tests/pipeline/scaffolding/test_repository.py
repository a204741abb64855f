"""pipeline/scaffolding/repository.py: a team's repository has all that it takes, and nothing is written over."""

import os
import re
import stat
from datetime import date
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import is_valid_plugin  # type: ignore[attr-defined]

from pipeline.project import ROOT
from pipeline.scaffolding import job_files, product_file, repository
from pipeline.scaffolding.files import ScaffoldError
from tests.home import Home


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that was just laid out."""
    folder = tmp_path_factory.mktemp("teams") / "My Team_1"
    repository.make(folder)
    return folder


def test_every_file_is_named(tmp_path: Path) -> None:
    names = repository.make(tmp_path / "team")
    written = {
        path.relative_to(tmp_path / "team").as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert set(names) == written
    assert {
        "README.md",
        ".env",
        ".gitignore",
        "Dockerfile",
        "docker-compose.yaml",
        "job.schema.json",
    } <= written


def test_a_folder_that_only_git_has_begun_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert repository.make(tmp_path)


def test_a_folder_that_holds_something_is_refused_by_name(tmp_path: Path) -> None:
    for name in "dcba":
        (tmp_path / name).touch()
    with pytest.raises(
        ScaffoldError,
        match=f"{re.escape(str(tmp_path))} is not empty: it holds a, b, c and 1 more. Nothing was",
    ):
        repository.make(tmp_path)
    assert len([*tmp_path.iterdir()]) == 4


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "team").touch()
    with pytest.raises(ScaffoldError, match="team is a file"):
        repository.make(tmp_path / "team")


def test_secrets_are_fresh_private_and_ignored_by_git(team: Path, tmp_path: Path) -> None:
    repository.make(tmp_path / "other")
    passwords = [
        set(re.findall(r"^\w+=(.{16,})$", (folder / ".env").read_text(), re.MULTILINE))
        for folder in (team, tmp_path / "other")
    ]
    assert len(passwords[0]) == len(passwords[1]) > 10
    assert not passwords[0] & passwords[1]
    assert stat.S_IMODE((team / ".env").stat().st_mode) == 0o600
    assert ".env" in (team / ".gitignore").read_text().splitlines()


def test_the_containers_are_the_products_with_the_teams_jobs(team: Path) -> None:
    ours = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    text = (team / "docker-compose.yaml").read_text()
    theirs = yaml.safe_load(text)
    assert set(theirs["services"]) == set(ours["services"]) - {"sample"}
    assert {service["image"] for service in theirs["services"].values()} == {
        "my-team-1:0.1.0", "postgres:18.4-bookworm", "redis:7.2.14-bookworm",
    }  # fmt: skip
    secrets = dict(re.findall(r"^(\w+)=(.+)$", (team / ".env").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(secrets)
    mounts = [one for service in theirs["services"].values() for one in service.get("volumes", [])]
    folders = [one.split(":")[0] for one in mounts if one.startswith("./")]
    assert folders
    assert all((team / folder).exists() for folder in folders)
    assert "local." not in text


def test_what_the_image_copies_is_there(team: Path) -> None:
    text = (team / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (\S+) ", text, re.MULTILINE)
    assert copied == ["requirements.txt", "wheels", "sql", "models", "dags", "plugins"]
    assert all((team / name).exists() for name in copied)
    assert {f"!{name}" for name in copied} < set((team / ".dockerignore").read_text().splitlines())
    assert "nightly-scoring==0.1.0" in text
    assert "sample" not in text
    assert (team / "requirements.txt").read_text() == (ROOT / "requirements.txt").read_text()


def test_airflow_makes_a_dag_of_each_job_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    team = home.path.parent / "team"
    repository.make(team)
    job_files.make(team, "churn", date(2024, 3, 1))
    monkeypatch.setenv("SCORING_HOME", str(team))
    folder = team / "dags"
    bag = DagBag(str(folder), bundle_path=folder, bundle_name="tests")
    assert bag.import_errors == {}
    assert set(bag.dags) == {"churn", "churn-outcomes", "scoring-inspection", "scoring-retention"}
    assert bag.dags["churn"].fileloc == str(folder / "scoring.py")


def test_a_dag_file_says_where_its_repository_is(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_HOME", "")
    monkeypatch.delenv("SCORING_HOME")
    product_file.run("dags/retention.py", str(team / "dags" / "retention.py"))
    assert os.environ["SCORING_HOME"] == str(team)


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").glob("*.py")), ids=lambda path: path.stem)
def test_airflow_finds_each_plugin(team: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_HOME", str(team))
    defined = product_file.run(f"plugins/{path.name}", str(team / "plugins" / path.name))
    assert [value for value in defined.values() if is_valid_plugin(value)]
