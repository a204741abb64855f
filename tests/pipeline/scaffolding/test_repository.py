"""pipeline/scaffolding/repository.py: a team's repository has the product's containers and DAG files, and no sample."""

import os
import stat
from pathlib import Path

import pytest

from pipeline.scaffolding import product_file, repository
from pipeline.scaffolding.files import ScaffoldError
from pipeline.version import VERSION


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A repository, laid out in a clone that is empty."""
    (tmp_path / "Risk Team" / ".git").mkdir(parents=True)
    names = repository.make(tmp_path / "Risk Team")
    assert all((tmp_path / "Risk Team" / name).exists() for name in names)
    return tmp_path / "Risk Team"


def test_it_has_all_that_it_takes_to_run(made: Path) -> None:
    names = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert names >= {
        "README.md",
        ".gitignore",
        "Dockerfile",
        "docker-compose.yaml",
        "dags/scoring.py",
        ".env",
    }
    assert stat.S_IMODE((made / ".env").stat().st_mode) == 0o600
    compose = (made / "docker-compose.yaml").read_text()
    assert f"image: risk-team:{VERSION}" in compose
    assert "  sample:\n" not in compose
    assert "python3 -m local.dotenv" not in compose
    assert "COPY pipeline" not in (made / "Dockerfile").read_text()


def test_nothing_is_written_where_something_is(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    with pytest.raises(ScaffoldError, match="is not empty: it holds .* and [0-9]+ more. Nothing was written"):
        repository.make(made)
    with pytest.raises(ScaffoldError, match="is a file. Nothing was written. Name a new or an empty folder"):
        repository.make(made / "README.md")
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("folder", "image"), [("Risk Team", "risk-team"), ("_jobs_", "jobs"), ("ÄÖ", "scoring")]
)
def test_an_image_has_a_name_that_docker_allows(folder: str, image: str) -> None:
    assert repository.image_name(folder) == image


def test_a_file_of_the_product_runs_in_the_place_of_another(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCORING_HOME", raising=False)
    here = made / "plugins" / "numbers.py"
    names = product_file.run("pipeline/version.py", str(here))
    assert names == {"NAME": "nightly-scoring", "VERSION": VERSION}
    assert os.environ["SCORING_HOME"] == str(made)
    monkeypatch.delenv("SCORING_HOME")
