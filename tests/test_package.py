"""The package: what pyproject.toml says of it, what the wheel holds, and that the wheel alone lays a repository out."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from pipeline.project import ROOT, SQL
from pipeline.runs.code_version import code_version
from pipeline.scaffolding.job_files import schema_text
from pipeline.version import NAME, VERSION

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SAMPLE = "flight_delay"


def names(requirements: list[str]) -> set[str]:
    """The distributions of a list of requirements."""
    return {re.split(r"[\[<>=~! ;#]", line)[0] for line in requirements if line and line[0] not in "#-"}


def test_it_depends_on_what_the_lock_is_made_of() -> None:
    assert names(PROJECT["dependencies"]) == names((ROOT / "requirements.in").read_text().splitlines())


def test_its_extras_are_what_a_checkout_has_besides() -> None:
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    # CatBoost is 97 MB, with a library for charts, and ziglang as large: no machine installs them for a few tests.
    assert names(extras) - {"catboost", "ziglang"} < names(
        (ROOT / "requirements-dev.in").read_text().splitlines()
    )


def test_it_has_one_name() -> None:
    assert PROJECT["name"] == NAME


def test_the_environment_of_a_checkout_has_the_command() -> None:
    command = Path(sys.executable).with_name("scoring")
    ended = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"{NAME} {VERSION}, code ")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.iterdir()
    return path


@pytest.mark.slow
class TestWheel:
    def test_it_holds_every_file_that_is_read_at_run_time(self, wheel: Path) -> None:
        held = set(ZipFile(wheel).namelist())
        sql = {path.relative_to(SQL).as_posix() for path in SQL.rglob("*.sql")}
        wanted = {f"pipeline/files/sql/{name}" for name in sql if not name.startswith(f"{SAMPLE}/")}
        for path in (ROOT / "pipeline").rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                wanted.add(path.relative_to(ROOT).as_posix())
        for folder in ("dags", "plugins", "deploy", "sql/migrations"):
            files = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}
            wanted |= {f"pipeline/files/{name}" for name in files}
        wanted |= {
            f"pipeline/files/{name}" for name in ("docker-compose.yaml", "Dockerfile", "requirements.txt")
        }
        assert wanted - held == set()

    def test_it_holds_nothing_else(self, wheel: Path) -> None:
        held = ZipFile(wheel).namelist()
        tops = {name.split("/")[0] for name in held}
        assert tops == {"orchestration", "pipeline", f"nightly_scoring-{VERSION}.dist-info"}
        assert [
            name for name in held if SAMPLE in name or name.endswith(".pyc") or ".env" in Path(name).name
        ] == ["pipeline/scaffolding/templates/repository/.env.template"]

    def test_unpacked_it_is_the_same_code_and_lays_a_repository_out(
        self, wheel: Path, tmp_path: Path
    ) -> None:
        ZipFile(wheel).extractall(tmp_path / "site")
        environ = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}

        def run(*arguments: str, folder: Path = tmp_path) -> subprocess.CompletedProcess[str]:
            # -P: a checkout that this environment knows comes after the wheel.
            command = [sys.executable, "-P", "-m", "pipeline", *arguments]
            return subprocess.run(
                command, cwd=folder, env=environ, capture_output=True, text=True, check=False
            )

        assert run("--version").stdout == f"{NAME} {VERSION}, code {code_version()}\n"
        elsewhere = run("jobs")
        assert elsewhere.returncode == 2
        assert "`scoring init FOLDER` lays out a new one" in " ".join(elsewhere.stderr.split())
        assert "laid out team: " in run("init", "team").stdout
        assert (tmp_path / "team" / "job.schema.json").read_text() == schema_text()
        # Below a repository, it is the home.
        ended = run("new", "job", "churn", folder=tmp_path / "team" / "sql")
        assert f"wrote {tmp_path / 'team' / 'dags' / 'churn.toml'}" in ended.stdout
