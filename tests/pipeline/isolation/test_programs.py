"""pipeline/isolation/programs.py: a program over a team's code gives files, or a reason, and reaches nothing else."""

from pathlib import Path

import pytest

from pipeline.isolation import programs
from pipeline.isolation.programs import Ended, Program
from pipeline.worker.failures import EstimatorError

CODE = """
import os, signal, socket, sys, time


def files(settings, file):
    print("at work")
    environment = ",".join(name for name in os.environ if "SECRET" in name)
    try:
        open(settings["secret"]).close()
        reach = "files"
    except OSError:
        reach = "none"
    try:
        socket.socket()
        reach += ", network"
    except OSError:
        pass
    return {"twice": file.read() * 2, "environment": environment.encode(), "reach": reach.encode()}


def fits(settings, file):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    rows, outcome = [[number] for number in range(60)], [number % 2 for number in range(60)]
    for model in (RandomForestClassifier(4, n_jobs=-1), HistGradientBoostingClassifier(max_iter=2)):
        model.fit(rows, outcome).predict(rows)
    return {}


def threads(settings, file):
    import sklearn.ensemble, threadpoolctl
    numbers = {str(library["num_threads"]) for library in threadpoolctl.threadpool_info()}
    return {"threads": ",".join(numbers).encode()}


def raises(settings, file):
    raise LookupError("no such thing")


def hangs(settings, file):
    print("before long")
    while True:
        time.sleep(60)


def is_killed(settings, file):
    print("about to be killed", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def needs_memory(settings, file):
    raise MemoryError


def leaves(settings, file):
    os._exit(3)


def crashes(settings, file):
    os.kill(os.getpid(), signal.SIGSEGV)
"""


def ran(function: str, tmp_path: Path, seconds: float = 60.0, threads: int = 1) -> dict[str, bytes]:
    content, secret = tmp_path / "content", tmp_path / "secret"
    content.write_bytes(b"rows")
    secret.write_text("secret")
    program = Program(
        "a test",
        f"mine:{function}",
        {"secret": str(secret)},
        {"mine.py": CODE.encode()},
        seconds,
        threads=threads,
    )
    return programs.run(program, content)


def test_it_gives_files_and_reaches_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "here")
    given = ran("files", tmp_path)
    assert [ran("threads", tmp_path, threads=number)["threads"] for number in (1, 2)] == [b"1", b"2"]
    # However many threads an estimator asks for, and however many native libraries have.
    assert [ran("fits", tmp_path, threads=number) for number in (1, 2)] == [{}, {}]
    assert (given["twice"], given["environment"]) == (b"rowsrows", b"")
    if Path("/sys/kernel/security/landlock").exists() or given["reach"] == b"none":
        assert given["reach"] == b"none"


@pytest.mark.parametrize(
    ("function", "message", "memory"),
    [
        ("is_killed", "was killed, as the system does where memory runs out", True),
        ("needs_memory", "needs more memory than there is", True),
        ("leaves", "ended its own process, with exit code 3", False),
        ("crashes", "crashed in native code, or was ended, by signal SIGSEGV", False),
    ],
)
def test_how_it_ended_is_said(tmp_path: Path, function: str, message: str, memory: bool) -> None:
    with pytest.raises(Ended, match=message) as ended:
        ran(function, tmp_path)
    assert ended.value.memory == memory
    assert ended.value.printed == ("about to be killed" if function == "is_killed" else "")


def test_what_it_raises_and_that_it_hangs_is_said(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError) as raised:
        ran("raises", tmp_path)
    assert (raised.value.failure.kind, raised.value.failure.text) == ("LookupError", "no such thing")
    with pytest.raises(Ended, match="took more than .* minutes, and was ended"):
        ran("hangs", tmp_path, 0.5)
