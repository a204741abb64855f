"""A process that is no model's: it shuts itself in as one does, runs one program over one file, and ends.

The program is a function of this project's that calls a team's own code, such as a training function. It is named in
the order and imported here, so that what a model's process needs stays as little as it is.
"""

import importlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.worker import protection, wire
from pipeline.worker.failures import Failure


def run(order: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Run a program and send the files that it returns.

    Args:
        order: `program`, as module:function; `settings`, what it takes beside the file; `threads`, how many native
            libraries may compute with; and what `protection.begin` takes.
        descriptors: where it writes what it prints, the file, and the channel for the answer.
    """
    output, content, channel = descriptors
    protection.begin(order, output)
    with socket.socket(fileno=channel) as answers, open(content, "rb") as file:
        try:
            module, _, name = order["program"].partition(":")
            _limit_threads(order["threads"])
            files = getattr(importlib.import_module(module), name)(order["settings"], file)
        except BaseException as error:  # noqa: BLE001 - a team's own code may raise anything
            wire.send(answers, {"failure": Failure.of(error).message()})
            return
        sizes = [[file_name, len(each)] for file_name, each in files.items()]
        wire.send(answers, {"files": sizes}, b"".join(files.values()))


def _limit_threads(number: int) -> None:
    """Have native libraries compute with so many threads, and joblib with one, whatever `n_jobs` and `backend` say.

    Joblib's own threads and processes share semaphores in /dev/shm, which is closed here: others keep theirs there.
    """
    from joblib import parallel  # an environment of a model's own may lack these, and runs no program
    from threadpoolctl import threadpool_limits

    threadpool_limits(number)
    sequential = parallel.BACKENDS["sequential"]
    for name in tuple(parallel.BACKENDS):  # scikit-learn's boosting names one itself
        parallel.register_parallel_backend(name, sequential)
