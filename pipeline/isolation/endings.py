"""Why a model's process has ended before its work was done, and what to do about it."""

import signal

from pipeline.isolation.deadlines import Deadline
from pipeline.isolation.forkers import WorkerError

_LIMITS = (
    "Lower extract.rows_per_part in the job file, let fewer tasks share the machine, or give it more memory "
    "(SCORING_MODEL_MEMORY, in MB, where that is set)."
)
_NATIVE = {
    signal.SIGSEGV: "read memory that is not its own",
    signal.SIGBUS: "read memory that is not there",
    signal.SIGABRT: "gave up",
    signal.SIGILL: "ran an instruction that this processor does not have",
    signal.SIGFPE: "divided by zero",
}


def ended(label: str, code: int | None, printed: str) -> Exception:
    """The error for a process that has ended.

    Args:
        label: the model's name and version.
        code: its exit code, or less the number of the signal that ended it; None where nobody knows.
        printed: the last that it has printed.
    """
    last = f" The last that it printed: {printed}" if printed else ""
    if code == -signal.SIGKILL:
        # Worth a retry: other tasks may have taken the memory.
        return MemoryError(
            f"the process of model {label} was killed, as the system does where memory runs out. {_LIMITS}{last}"
        )
    if code is None:
        return WorkerError(
            f"the process of model {label} has ended, and nobody knows why. Try it again.{last}"
        )
    if code >= 0:
        return WorkerError(
            f"the model {label} has ended its own process, with exit code {code}. Take the call of exit, or whatever "
            f"ends it, out of the model, and register it again.{last}"
        )
    try:
        number = signal.Signals(-code)
    except ValueError:
        return WorkerError(f"the process of model {label} was ended by signal {-code}.{last}")
    if number in _NATIVE:
        return WorkerError(
            f"the process of model {label} crashed in native code ({number.name}: it {_NATIVE[number]}). Score the "
            "rows with the same libraries on your own machine; install those that the manifest names, or train and "
            f"register the model with others.{last}"
        )
    return WorkerError(
        f"the process of model {label} was ended by signal {number.name}. Find out who sent it.{last}"
    )


def too_slow(label: str, seconds: float) -> WorkerError:
    """The error for a process that did not answer in time."""
    return WorkerError(
        f"model {label} did not answer within {seconds:g} s, and its process was ended. Raise SCORING_MODEL_SECONDS "
        "where a batch may take longer, or train a model that is quicker."
    )


def out_of_time(label: str, deadline: Deadline) -> WorkerError:
    """The error for a process that was not done when its time was up."""
    return WorkerError(
        f"model {label} was not done within {deadline.seconds:g} s, and its process was ended. Raise {deadline.key} in "
        "the job file, or train a model that is quicker."
    )


def no_answer(label: str, error: Exception) -> WorkerError:
    """The error for an answer that cannot be read: no worker of this version gives such."""
    return WorkerError(
        f"the process of model {label} gave an answer that cannot be read ({type(error).__name__}: {error}). It was "
        "ended. A model must not write to descriptors that it has not opened."
    )
