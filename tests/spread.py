"""How the whole suite is spread over worker processes, each with a Postgres of its own, and which tests are slow.

What is asked for by name or by path runs in one process, unless `-n` says otherwise; `-n0` is always one process.
"""

import os
import signal

import pytest
from xdist.scheduler import LoadScopeScheduling

# What takes longest, the longest first: begun last, it would keep the other workers waiting for the end. The demo
# stands behind others, so that no three Airflows start at once on two processors.
SAMPLE = "the sample warehouse"
LONGEST = (
    "tests/e2e",
    "tests/chaos/test_campaign.py",
    "tests/test_compose.py",
    "tests/scenarios/test_memory.py",
    "tests/local/test_demo.py",
    SAMPLE,
    "tests/pipeline/recovery/test_rebuild.py",
    "tests/pipeline/evaluation/test_outcomes.py",
    "tests/pipeline/maintenance/test_retention.py",
    "tests/pipeline/tasks/test_publish.py",
    "tests/pipeline/cli/test_main.py",
    "tests/pipeline/cli/test_score.py",
    "tests/scenarios/test_pointer.py",
)

# Fixtures that start a Postgres, or run on one. `make test-quick` leaves out whatever needs it.
SERVERS = frozenset({"server", "real_server", "postgres_folder"})


# Their worker loads the sample once, which takes some ten seconds; each of theirs would.
ON_SAMPLE = ("tests/models/test_train.py", "tests/sql/test_flight_delay.py", "tests/docs/test_pages.py")


def together(nodeid: str) -> str:
    """What one worker runs as a whole: a file, for its fixtures, or all that share an Airflow or a load."""
    path = nodeid.split("::")[0]
    if path in ON_SAMPLE:
        return SAMPLE
    return "tests/e2e" if path.startswith("tests/e2e/") else path


class Scheduler(LoadScopeScheduling):
    """Hands out as a whole what belongs together."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduler | None:
    """Spread the suite in our way, unless `--dist` asks for another."""
    return Scheduler(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers more than there are processors, as half of the suite's time is waiting; four at most."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    chosen = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf"))
    return min((os.cpu_count() or 1) + 2, 4) if whole and not chosen else 0


def pytest_configure(config: pytest.Config) -> None:
    """Have a worker stop what it started when the run is killed, also where a shell runs that in the background.

    A worker that has lost its run interrupts itself, and a job in the background ignores interrupts.
    """
    if hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a Postgres as slow, and have the workers begin with what takes longest."""
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
    if hasattr(config, "workerinput"):
        rank = {name: number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(together(item.nodeid), len(rank)))
