"""DAG files and plugins are light to read. Which room imports which, import-linter holds; how large, test_house."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PIPELINE = ROOT / "pipeline"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in PIPELINE.rglob("*.py")
    if path.stem != "__init__"
)
# What the DAG files and their operators may read at every parse, and what their tasks call.
WIRING = sorted(
    [
        *(ROOT / "dags").glob("*.py"),
        *(ROOT / "orchestration").glob("*.py"),
        *(ROOT / "orchestration" / "kubernetes").glob("*.py"),
    ]
)
LIGHT = {
    "pipeline",
    "pipeline.config.dates",
    "pipeline.config.fields",
    "pipeline.config.forecast_file",
    "pipeline.config.job",
    "pipeline.config.loader",
    "pipeline.config.ready_section",
    "pipeline.config.resources_section",
    "pipeline.config.sections",
    "pipeline.config.training_section",
    "pipeline.config.workspace",
    "pipeline.errors",
}


def imports(path: Path) -> set[str]:
    """Modules that a file imports when it is read: not within its functions."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    modules_read = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in names if name in MODULES}
            modules_read |= modules or {str(node.module)}
    return modules_read


def test_airflow_is_not_even_loaded_by_the_pipeline() -> None:
    program = "import sys\n" + "".join(f"import {module}\n" for module in MODULES)
    assert "airflow" not in loaded(program)


@pytest.mark.parametrize("path", WIRING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_dags_read_light_modules_only_when_they_are_parsed(path: Path) -> None:
    at_parse = {name for name in imports(path) if name.startswith("pipeline")}
    assert at_parse <= LIGHT


def test_packages_import_nothing() -> None:
    packages = {path: imports(path) for path in ROOT.glob("[!.]*/**/__init__.py")}
    assert {path: found for path, found in packages.items() if found - {"typing"}} == {}


def test_reading_the_dags_loads_nothing_heavy() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import importlib.util
spec = importlib.util.spec_from_file_location("scoring", {str(ROOT / "dags" / "scoring.py")!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert "flight_delay" in {{getattr(value, "dag_id", None) for value in vars(module).values()}}
"""
    assert not loaded(program) & {"pandas", "sklearn", "pyarrow", "numpy"}


def loaded(program: str) -> set[str]:
    """Modules that are loaded after a program has run."""
    command = [sys.executable, "-c", f"{program}\nprint('loaded', *sys.modules)"]
    ended = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split()[1:])
