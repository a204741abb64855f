"""tests/spread.py: what belongs together stays together, and what takes longest is begun first."""

from pathlib import Path

import pytest

from tests.spread import LONGEST, ON_SAMPLE, SAMPLE, together

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/e2e/test_airflow.py::test_a", "tests/e2e"),
        ("tests/e2e/test_nights.py::test_b[x::y]", "tests/e2e"),
        ("tests/docs/test_pages.py::test_e", SAMPLE),
        ("tests/test_compose.py::TestRunning::test_c", "tests/test_compose.py"),
        ("tests/pipeline/tasks/test_write.py::test_d", "tests/pipeline/tasks/test_write.py"),
    ],
)
def test_a_file_stays_together_and_so_do_all_tests_of_one_airflow_or_one_load(nodeid: str, unit: str) -> None:
    assert together(nodeid) == unit


@pytest.mark.parametrize("name", [*ON_SAMPLE, *(unit for unit in LONGEST if unit != SAMPLE)])
def test_what_takes_longest_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.usefixtures("postgres_folder")
def test_what_needs_a_postgres_is_slow(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("slow")


def test_what_needs_none_is_not_slow_by_itself(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker("slow")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "e2e").glob("test_*.py")), ids=lambda path: path.stem
)
def test_all_tests_of_an_airflow_are_marked(path: Path) -> None:
    assert "\npytestmark = pytest.mark.airflow\n" in path.read_text()
