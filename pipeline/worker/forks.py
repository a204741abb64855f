"""One process loads the libraries that models need, once, and forks a worker for each model that a task opens.

It is started with an emptied environment and runs no model's code. The socket over which it is asked is inherited by
whatever its starter forks, so that tasks which are forks of one process share it; it ends with the last of them.

For each model it forks a keeper, which forks the model's own process, waits for its end, and says how it ended. When
the task closes its side, or is killed, the keeper kills the model and all that the model has begun.
"""

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from pipeline.worker import models, programs, protection, wire

# Loaded before the first fork, where they are there.
_LIBRARIES = (
    "pyarrow.compute",
    "pandas",
    "joblib",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "threadpoolctl",
    # By which scikit-learn reads frames: it loads them when a model gets its first.
    "narwhals._pandas_like.namespace",
    "narwhals.stable.v2._namespace",
)
# With a byte come the descriptors that the new processes are to have, the first of which carries the order.
_MOST_DESCRIPTORS = 253


def serve(descriptor: int, settings: str) -> None:
    """Fork a worker for each order that comes over a socket, until nobody holds its other end.

    Args:
        descriptor: of the socket.
        settings: JSON: `path`, the folders in which modules are looked for, where they are not the interpreter's own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no keeper is waited for
    sys.path[:] = json.loads(settings)["path"] or sys.path
    for library in _LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    with socket.socket(fileno=descriptor) as control:
        while True:
            asked, descriptors, _, _ = socket.recv_fds(control, 1, _MOST_DESCRIPTORS)
            if not asked:
                return
            if os.fork() == 0:
                control.close()
                _run(partial(_keep, *descriptors))
            for each in descriptors:
                os.close(each)


def _run(work: Callable[[], object]) -> NoReturn:
    """Be a fork that does one thing, and comes back to nothing of its maker's."""
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nobody above would say it
        traceback.print_exc()
    finally:
        os._exit(code)


def _keep(session: int, *handed: int) -> None:
    """Keep one model's process: end it with the task, and tell the task how it ended."""
    task = socket.socket(fileno=session)
    order, _ = wire.receive(task)
    os.setsid()
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    protection.adopt_orphans()
    worker = os.fork()
    if worker == 0:
        _run(partial(_become, order, handed, [session, ended, wake]))
    for each in handed:
        os.close(each)
    select.select([ended, session], [], [])
    os.kill(worker, signal.SIGKILL)  # one that has ended is not met: it is waited for only now
    _, status = os.waitpid(worker, 0)
    _end_all()
    shutil.rmtree(order["folder"], ignore_errors=True)
    with contextlib.suppress(wire.Closed, OSError):
        wire.send(task, {"code": os.waitstatus_to_exitcode(status)})


def _become(order: Mapping[str, Any], handed: Sequence[int], others: Sequence[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for each in others:
        os.close(each)
    protection.end_with_parent()
    work = programs if "program" in order else models
    work.run(order, handed)


def _end_all() -> None:
    """Kill what the model has begun and left behind; its processes are this one's children now."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while children.exists() and (pids := children.read_text().split()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
