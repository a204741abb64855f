"""pipeline/project.py and the home that a command works in: named, around the current folder, or the checkout."""

from pathlib import Path

import pytest

from pipeline import project
from pipeline.config import workspace
from pipeline.config.workspace import HomeError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A team's repository, empty."""
    for name in ("dags", "sql/churn", "models"):
        (tmp_path / "team" / name).mkdir(parents=True)
    return tmp_path / "team"


def test_the_home_is_the_repository_around_the_current_folder(repository: Path) -> None:
    assert project.find_home({}, repository) == repository
    assert project.find_home({}, repository / "sql" / "churn") == repository


def test_the_environment_goes_before_the_current_folder(repository: Path) -> None:
    assert project.find_home({"SCORING_HOME": "/srv/jobs"}, repository) == Path("/srv/jobs")


def test_elsewhere_a_checkout_is_its_own_home(repository: Path) -> None:
    (repository / "models").rmdir()
    assert project.find_home({}, repository) == project.ROOT
    assert project.find_home({}, None) == project.ROOT


def test_elsewhere_a_wheel_has_none_and_says_what_to_do(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCORING_HOME", raising=False)
    monkeypatch.setattr(project, "IS_WHEEL", True)
    monkeypatch.chdir(repository)
    assert workspace.home() == repository
    monkeypatch.chdir(repository.parent)
    with pytest.raises(
        HomeError, match="no folder here or above it holds dags/, sql/ and models/.* SCORING_HOME"
    ):
        workspace.home()
