"""pipeline/runtime/interruption.py: a signal that ends a command is said, on the terminal and in the run's row."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from pipeline import __main__ as command_line
from pipeline.databases import warehouse
from pipeline.databases.queries import Query
from pipeline.embedded.server import Embedded
from pipeline.runtime.interruption import Interrupted, interruptible
from tests.home import Home
from tests.pipeline.shop import open_shop

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Signals end the process, also where the tests run below `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_raised_and_what_follows_is_left_alone(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with interruptible():
        with pytest.raises(Interrupted, match=f"the command was ended by {number.name}") as interrupted:
            signal.raise_signal(number)
        assert interrupted.value.exit_code == 128 + number
        for other in SIGNALS:
            signal.raise_signal(other)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_statement_that_is_waited_for_is_cancelled(server: Embedded, number: signal.Signals) -> None:
    sender = threading.Timer(0.5, os.kill, (os.getpid(), number))
    begun = time.perf_counter()

    def wait() -> None:
        with interruptible():
            sender.start()
            with warehouse.stream(
                server.connections["warehouse"], Query("SELECT pg_sleep(600)::text", {}, "q.sql")
            ):
                pass

    with pytest.raises(Interrupted, match=number.name):
        wait()
    assert time.perf_counter() - begun < 500


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_a_signal_ends_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    shop = open_shop(home)
    # The rows come as one batch, which the signal waits for.
    slow = f"SELECT rows.* FROM {shop.table} AS rows WHERE pg_sleep(0.02) IS NOT NULL"
    (home.path / "sql" / f"{shop.job}.sql").write_text(slow)

    def send() -> None:
        while not home.sql("SELECT FROM scoring.scoring_runs WHERE job = :job", job=shop.job):
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), number)

    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["pipeline", "score", shop.job, "2024-03-01"])
    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    sender.join()
    assert ended.value.code == 128 + number
    reason = f"the command was ended by {number.name}"
    assert f"{reason}. Run it again" in capsys.readouterr().err
    run = home.last_run(shop.job)
    assert (run["status"], run["status_reason"]) == ("failed", f"Interrupted: {reason}")
