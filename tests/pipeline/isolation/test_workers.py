"""A model answers in a process of its own as in this one; how that process ends is said; nothing outlives it."""

import gc
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest

from pipeline.errors import UsageError
from pipeline.isolation import deadlines
from pipeline.isolation.forkers import WorkerError
from pipeline.isolation.workers import Worker
from pipeline.worker.failures import EstimatorError
from tests.pipeline.isolation.hostile_pickle import Hostile
from tests.pipeline.isolation.says import Says, order, worker

ROWS = pa.RecordBatch.from_pydict({"visits": pa.array([1.0, 2.0, 3.0])})


def test_it_answers_as_in_this_process_for_every_shape() -> None:
    for code in ("rows['visits'] / 3", "np.ones((3, 2, 2)) / 3", "rows['visits'].head(0)"):
        expected = np.asarray(Says(code).predict(ROWS.to_pandas()))
        values = worker(code).answer(ROWS).values
        assert (values.shape, values.tobytes()) == (expected.shape, expected.tobytes())


def test_what_a_model_raises_comes_back_as_its_type_and_its_text() -> None:
    failing = worker("1 / 0")
    for _ in range(2):  # and it is there for the next batch
        with pytest.raises(EstimatorError, match="division by zero") as error:
            failing.answer(ROWS)
        assert error.value.failure.kind == "ZeroDivisionError"
    with pytest.raises(EstimatorError) as error:
        worker("sys.exit(3)").answer(ROWS)
    assert error.value.failure.kind == "SystemExit"


ENDS: dict[str, tuple[str, type[Exception], str]] = {
    "exit": ("os._exit(3)", WorkerError, "ended its own process, with exit code 3. Take the call of exit"),
    "killed": (
        "os.kill(os.getpid(), 9)",
        MemoryError,
        "own version 1 was killed, as the system does where memory",
    ),
    "crash": (
        "ctypes.string_at(0)",
        WorkerError,
        "crashed in native code .SIGSEGV: it read memory that is not",
    ),
    "signal": ("os.kill(os.getpid(), 15)", WorkerError, "was ended by signal SIGTERM. Find out who sent it"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_said_in_words_with_what_to_do(end: str) -> None:
    code, kind, words = ENDS[end]
    ending = worker(f"print('the last word', flush=True) or {code}")
    for _ in range(2):  # whoever asks again gets the same answer
        with pytest.raises(kind, match=f"{words}.*printed: the last word"):
            ending.answer(ROWS)


def test_what_takes_too_long_or_too_much_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_MODEL_MEMORY", "1500")
    greedy = worker("np.ones(10**9)")
    with pytest.raises(MemoryError, match="the process of model own version 1: .*allocate"):
        greedy.answer(ROWS)
    slow = worker("time.sleep(60)")
    monkeypatch.setenv("SCORING_MODEL_SECONDS", "0.5")
    with pytest.raises(WorkerError, match="did not answer within 0.5 s.*Raise SCORING_MODEL_SECONDS"):
        slow.answer(ROWS)
    monkeypatch.delenv("SCORING_MODEL_SECONDS")
    for seconds, late in ((0.5, worker("time.sleep(60)")), (1e-9, worker("0"))):
        with (
            deadlines.within(seconds, "challenger.time_limit_minutes"),
            pytest.raises(WorkerError, match="not done within .* s.*Raise challenger.time_limit_minutes"),
        ):
            late.answer(ROWS)
    for wrong in ("soon", "inf", "nan"):
        monkeypatch.setenv("SCORING_MODEL_SECONDS", wrong)
        with pytest.raises(UsageError, match=f"SCORING_MODEL_SECONDS='{wrong}': set it to a positive number"):
            worker("0")


def test_nothing_outlives_the_last_use_of_a_model() -> None:
    asked = worker("[os.getpid(), 0, 0]")
    model = psutil.Process(int(asked.answer(ROWS).values[0]))
    running = [model, model.parent()]
    del asked
    gc.collect()
    _, alive = psutil.wait_procs([process for process in running if process], timeout=300)
    assert alive == []


# What a model can write to its channel: as it is loaded, and as an answer; and what the task says.
SPEAKS = """
import json, os, socket, stat, struct, sys, time
channel = next(
    socket.socket(fileno=os.dup(int(fd)))
    for fd in os.listdir("/proc/self/fd")
    if os.path.exists(f"/proc/self/fd/{fd}") and stat.S_ISSOCK(os.stat(f"/proc/self/fd/{fd}").st_mode)
)
def say(text, content=b"", size=None):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    channel.sendall(struct.pack(">QQ", len(text), len(content) if size is None else size) + text + content)
"""
READY = 'say({"held": {}}); channel.recv(1 << 20); '
SAID = {
    "brackets": 'say(b"[" * 200_000)',
    "no word of what holds": "say({})",
    "a list of what holds": 'say({"held": [1]})',
    "a failure that is none": 'say({"failure": [1]})',
    "kinds that are none": 'say({"failure": {"kinds": 5}})',
    "a terabyte as it is loaded": 'say({"held": {}}, size=1 << 40)',
    "more than an answer has": READY + "say({}, size=3 << 30)",
    "a shape without end": READY + """say(b'{"shape": [Infinity], "labels": false}')""",
    "a shape below nothing": READY + 'say({"shape": [-1], "labels": False}, bytes(24))',
    "fewer numbers than it says": READY + 'say({"shape": [3], "labels": False}, bytes(16))',
    "half a label": READY + 'say({"shape": [3], "labels": True}, bytes(28))',
    "Arrow": READY + 'say({"sizes": [3], "shape": [3]}, bytes(24))',
}


class Speaks:
    """Unpickling it runs the code."""

    def __init__(self, code: str) -> None:
        self.code = f"{SPEAKS}{code}\ntime.sleep(60)"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, (self.code, {})


@pytest.mark.parametrize("words", SAID)
def test_nothing_is_believed_of_what_a_process_says(words: str) -> None:
    with pytest.raises(WorkerError, match="version 1 gave an answer that cannot be read"):
        Worker(order(), pickle.dumps(Speaks(SAID[words]))).answer(ROWS)


def test_a_process_that_speaks_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    worker("0")  # so that its forker is there
    monkeypatch.setenv("SCORING_MODEL_SECONDS", "1")
    trickles = (
        "channel.sendall(struct.pack('>QQ', 1000, 0))\nwhile True: channel.sendall(b' '); time.sleep(0.2)"
    )
    with pytest.raises(WorkerError, match="did not answer within 1 s"):
        Worker(order(), pickle.dumps(Speaks(trickles)))


# A task's process: it opens a model that looks for its secrets, and says what the model says.
TASK = """
import ctypes, os, pickle, sys
from pipeline.isolation.workers import Worker
from tests.pipeline.isolation.hostile_pickle import Hostile
from tests.pipeline.isolation.says import order
secret = ctypes.create_string_buffer(os.environ["AIRFLOW_CONN_WAREHOUSE"].encode())
left_open = open(sys.argv[1])
os.set_inheritable(left_open.fileno(), True)
hostile = Hostile(TASK=os.getpid(), OTHER=ctypes.addressof(secret), SECRETS=sys.argv[1])
try:
    Worker(order(), pickle.dumps(hostile))
except Exception as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has what this needs")
def test_a_hostile_pickle_finds_no_secret(tmp_path: Path) -> None:
    if not all(worker("0").held.values()):
        pytest.skip("this kernel has not all of it: `scoring check` says what it lacks")
    secrets = tmp_path / "secrets"
    secrets.write_text("canary")
    environ = {
        **os.environ,
        "AIRFLOW_CONN_WAREHOUSE": "postgres://ann:canary@db/sales",
        "PYTHONPATH": os.getcwd(),
    }
    ended = subprocess.run(
        [sys.executable, "-c", TASK, str(secrets)], env=environ, capture_output=True, text=True, check=True
    )
    seen = json.loads(ended.stdout)
    assert "canary" not in ended.stdout
    assert seen.pop("its own folder") == 1
    environment, descriptors = seen.pop("environment"), seen.pop("descriptors")
    own = {name for name in environment if not name.endswith("_THREADS") and not name.startswith("KMP_")}
    assert own <= {"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "ARROW_DEFAULT_MEMORY_POOL"}
    # Of /proc by its path alone, which gives no right to read.
    allowed = ("/dev/null", "/memfd:", "/proc/")
    assert not [
        target for target in descriptors.values() if target[0] == "/" and not target.startswith(allowed)
    ]
    assert seen.pop("environments of others") == []
    refused = {what: answer for what, answer in seen.items() if str(answer).startswith("refused: Permission")}
    assert refused == seen
    assert secrets.read_text() == "canary"
    assert not secrets.with_suffix(".new").exists()


def test_the_hostile_pickle_would_find_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "canary")
    with pytest.raises(RuntimeError, match="canary"):
        pickle.loads(pickle.dumps(Hostile(TASK=os.getpid(), OTHER=0, SECRETS=str(tmp_path / "no"))))
