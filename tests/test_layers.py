"""Imports run one way: dags, then stages, then the rooms below; and the DAG file is light to read."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A room imports from rooms further down only, so that there is no circle. A new room finds its place here.
FLOORS = (
    ("__main__",),
    ("commands.analysts", "commands.keeping", "commands.outcomes", "commands.rescue"),
    ("commands.nights", "commands.setup"),
    ("commands.audit",),
    ("commands.runs",),
    ("commands.checkout", "commands.console"),
    ("messages", "preflight"),
    ("rebuild",),
    ("adopt",),
    ("fallback", "hold", "outcomes", "restore"),
    ("score", "compare", "decisions", "trace", "quality", "scored", "pages.overview"),
    ("broken", "fairness", "baselines"),
    ("archived", "write", "metrics", "erase", "retention", "slices", "reproduce", "pages.report"),
    ("receipts",),
    (
        "age",
        "extract",
        "failures",
        "kept",
        "lineage",
        "looks",
        "removed",
        "dependencies",
        "reread",
        "training",
    ),
    ("forecast", "gather", "identity", "rejected"),
    ("drift",),
    ("predict", "check", "register", "change", "pages.pictures", "pages.verdict", "pages.steps"),
    (
        "alerts",
        "analysts",
        "tracking",
        "ledger",
        "references",
        "migrate",
        "sample",
        "rules",
        "doubles",
        "pages.reading",
    ),
    ("probe",),
    (
        "attic",
        "estimator",
        "janitor",
        "leaks",
        "objects",
        "results",
        "figures",
        "business",
        "threads",
        "verify",
    ),
    ("model", "parts", "warehouse"),
    ("artifact",),
    ("breaks", "columns", "convert", "profile", "yardstick"),
    ("cursor", "duckdb", "postgres", "sqlite", "pages.charts"),
    (
        "addresses",
        "job",
        "stage",
        "places",
        "embedded",
        "machine",
        "prerequisites",
        "progress",
        "queries",
        "pages.axes",
        "pages.card",
        "pages.events",
        "pages.render",
        "contract",
        "plain",
        "ranks",
        "signature",
    ),
    ("postmaster",),
    ("outside",),
    ("locks",),
    ("dates",),
    ("errors", "lexer", "texts"),
)
FLOOR = {room: len(FLOORS) - number for number, rooms in enumerate(FLOORS) for room in rooms}
PIPELINE = ROOT / "pipeline"
ROOMS = sorted(
    ".".join(path.relative_to(PIPELINE).with_suffix("").parts)
    for path in PIPELINE.rglob("*.py")
    if path.stem != "__init__"
)
# What the DAG files and their operators may read at every parse, and what their tasks call.
WIRING = sorted([*(ROOT / "dags").glob("*.py"), *(ROOT / "orchestration").glob("*.py")])
LIGHT = {
    "pipeline",
    "pipeline.config.dates",
    "pipeline.config.workspace",
    "pipeline.config.job",
    "pipeline.errors",
}
STAGES = {
    f"pipeline.{name}"
    for name in (
        "extract",
        "failures",
        "predict",
        "write",
        "metrics",
        "fallback",
        "alerts",
        "broken",
        "decisions",
        "hold",
        "ledger",
        "messages",
        "outcomes",
        "queries",
        "receipts",
        "removed",
        "retention",
        "tracking",
        "stage",
        "addresses",
        "machine",
    )
}


def imports(path: Path, *, at_parse: bool = False) -> set[str]:
    """Modules that a file imports; at parse: those outside of its functions only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(tree.body if at_parse else ast.walk(tree))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            rooms = {name for name in names if name.removeprefix("pipeline.") in ROOMS}
            found |= rooms or {str(node.module)}
    return found


def file_of(room: str) -> Path:
    """The file of a room."""
    return PIPELINE.joinpath(*room.split(".")).with_suffix(".py")


def rooms_of(path: Path) -> set[str]:
    """Rooms of the pipeline that a file imports."""
    return {name.removeprefix("pipeline.") for name in imports(path) if name.startswith("pipeline.")}


def test_every_room_has_its_floor() -> None:
    assert sorted(FLOOR) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_lower_floors_only(room: str) -> None:
    above = {other for other in rooms_of(file_of(room)) if FLOOR[other] >= FLOOR[room]}
    assert above == set()


@pytest.mark.parametrize("room", ROOMS)
def test_the_pipeline_knows_neither_airflow_nor_the_local_runner(room: str) -> None:
    top = {name.partition(".")[0] for name in imports(file_of(room))}
    assert not top & {"airflow", "local", "dags", "orchestration", "tests"}


def test_airflow_is_not_even_loaded_by_the_pipeline() -> None:
    program = "import sys\n" + "".join(f"import pipeline.{room}\n" for room in ROOMS if room != "__main__")
    assert "airflow" not in loaded(program + "import pipeline.__main__")


@pytest.mark.parametrize("path", WIRING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_dags_import_stages_and_light_rooms_only(path: Path) -> None:
    found = {name for name in imports(path) if name.partition(".")[0] in ("pipeline", "local", "tests")}
    assert found <= LIGHT | STAGES
    at_parse = {name for name in imports(path, at_parse=True) if name.startswith("pipeline")}
    assert at_parse <= LIGHT


def test_packages_import_nothing() -> None:
    packages = {path: imports(path, at_parse=True) for path in ROOT.glob("[!.]*/**/__init__.py")}
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
