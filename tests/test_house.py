"""The house: small rooms, small files, small functions, and a test file for every module."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Where production code stands, and where the tests of each stand.
TESTS = {
    "pipeline": "tests/pipeline",
    "orchestration": "tests/dags",
    "local": "tests/local",
    "dags": "tests/dags",
    "plugins": "tests/e2e",
}
MODULES = sorted(
    path for top in TESTS for path in (ROOT / top).rglob("*.py") if path.stem not in ("__init__", "__main__")
)
# Modules whose promises are kept by tests that stand elsewhere, or that promise nothing.
ELSEWHERE = {
    "orchestration/training/alarm.py": "tests/dags/test_training.py",  # an asset of two DAGs
    "local/airflow.py": "tests/e2e/test_airflow.py",  # starts a real Airflow
    "local/metadata_database.py": "tests/e2e/test_airflow.py",  # which it is made for
    "local/rest.py": "tests/e2e/test_nights.py",  # asks a real Airflow
    "pipeline/candidates/alarms.py": "tests/dags/training/test_steps.py",  # an alarm that begins a training
    "pipeline/challenger/day.py": "tests/pipeline/challenger/test_replay.py",  # replays one
    "pipeline/challenger/rescoring.py": "tests/pipeline/challenger/test_replay.py",  # scores again
    "pipeline/isolation/deadlines.py": "tests/pipeline/isolation/test_workers.py",  # lets one pass
    "pipeline/isolation/endings.py": "tests/pipeline/isolation/test_workers.py",  # has a process end in each way
    "pipeline/isolation/messages.py": "tests/pipeline/isolation/test_workers.py",  # sends them
    "pipeline/monitoring/first_run/evidence.py": "tests/pipeline/monitoring/first_run/test_record.py",  # keeps it
    "pipeline/retraining/run.py": "tests/pipeline/cli/retraining/test_commands.py",  # types it
    "pipeline/scaffolding/containers.py": "tests/pipeline/scaffolding/test_repository.py",  # lays them out
    "pipeline/scaffolding/dotenv.py": "tests/local/test_dotenv.py",  # writes it
    "pipeline/scaffolding/product_file.py": "tests/pipeline/scaffolding/test_repository.py",  # runs one
    "pipeline/serving/answers.py": "tests/pipeline/serving/test_app.py",  # gets them
    "pipeline/serving/inference.py": "tests/pipeline/serving/test_app.py",  # asks by it
    "pipeline/serving/metrics.py": "tests/pipeline/serving/test_app.py",  # reads them
    "pipeline/serving/parity/asking.py": "tests/pipeline/serving/parity/test_replay.py",  # asks
    "pipeline/serving/process.py": "tests/pipeline/serving/test_server.py",  # starts two
    "pipeline/worker/forks.py": "tests/pipeline/isolation/test_workers.py",  # has it fork
    "pipeline/worker/frames.py": "tests/pipeline/contract/test_contract.py",  # asks for frames
    "pipeline/worker/models.py": "tests/pipeline/isolation/test_workers.py",  # asks one
    "pipeline/worker/programs.py": "tests/pipeline/isolation/test_programs.py",  # runs some
    "pipeline/worker/protection.py": "tests/pipeline/isolation/test_workers.py",  # tries to get out
    "plugins/scoring_numbers.py": "tests/deploy/test_numbers.py",  # asks a server of its own
    "plugins/scoring_pages.py": "tests/e2e/test_pages.py",  # looks at them in a browser
}
NO_PROMISE = {
    "pipeline/project.py": "constants",
    "pipeline/reports/links.py": "a value",
    "pipeline/store/schemas.py": "a constant",
    "pipeline/version.py": "constants",
}

# A room of programs for one machine, which nothing imports: no part of the house.
WIDE = {"local": 16}
MOST_FILES, MOST_LINES, MANY_LINES, MOST_LONG_FILES = 12, 250, 200, 10
MOST_FUNCTION_LINES, MOST_PARAMETERS = 40, 7
# A Typer command: its parameters are the options that a person types, and its lines their help.
TYPED = {"pipeline/cli/setup.py register", "pipeline/cli/models/versions.py promote"}


def name_of(path: Path) -> str:
    """A file below the project."""
    return path.relative_to(ROOT).as_posix()


def lines_of(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text(encoding="utf-8").splitlines())


@cache
def functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of production code, with its name."""
    return [
        (f"{name_of(path)} {node.name}", node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many values a caller hands over."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in arguments if argument.arg not in ("self", "cls")])


def test_a_room_has_at_most_twelve_files() -> None:
    rooms = {path.parent for path in MODULES}
    numbers = {name_of(room): len([path for path in MODULES if path.parent == room]) for room in rooms}
    crowded = {room: number for room, number in numbers.items() if number > WIDE.get(room, MOST_FILES)}
    assert crowded == {}


def test_a_file_fits_one_idea() -> None:
    lengths = {name_of(path): lines_of(path) for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}
    long = sorted(path for path, lines in lengths.items() if lines > MANY_LINES)
    assert len(long) <= MOST_LONG_FILES, long


def test_a_function_fits_one_look() -> None:
    long = {name: lines for name, node in functions() if (lines := length(node)) > MOST_FUNCTION_LINES}
    assert {name: lines for name, lines in long.items() if name not in TYPED} == {}


def test_many_parameters_are_one_value() -> None:
    many = {name: number for name, node in functions() if (number := parameters(node)) > MOST_PARAMETERS}
    assert {name: number for name, number in many.items() if name not in TYPED} == {}


def test_every_exception_is_still_one() -> None:
    large = {name for name, node in functions() if parameters(node) > 7 or length(node) > 40}
    assert large >= TYPED
    assert {name_of(path) for path in MODULES} >= ELSEWHERE.keys() | NO_PROMISE.keys()
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_has_its_test_file(path: Path) -> None:
    name = name_of(path)
    if name in ELSEWHERE or name in NO_PROMISE:
        return
    top, _, below = name.partition("/")
    expected = ROOT / TESTS[top] / Path(below).with_name(f"test_{path.stem.lstrip('_')}.py")
    assert expected.exists(), (
        f"{name} has no {name_of(expected)}: write it, or say in ELSEWHERE where it is tested"
    )
    assert "def test_" in expected.read_text(encoding="utf-8"), f"{name_of(expected)} tests nothing"


def test_every_test_file_of_a_room_has_a_module() -> None:
    """A module that was renamed takes its test file with it; other tests are of a module, and say of which."""
    rooms = {path.parent for path in MODULES if path.is_relative_to(ROOT / "pipeline")}
    for room in rooms:
        stems = tuple(path.stem.lstrip("_") for path in MODULES if path.parent == room)
        tests = (ROOT / "tests" / room.relative_to(ROOT)).glob("test_*.py")
        strays = {test.name for test in tests if not test.stem.removeprefix("test_").startswith(stems)}
        assert strays <= {"test_main.py"}, f"{name_of(room)} has no module for {strays}"
