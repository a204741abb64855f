"""How a model's process shuts itself in: what of the machine it can reach, and how much memory it may take.

It does so itself before it reads the artefact, and nothing that it runs can undo it. What a system lacks is left out,
and said: `scoring check` shows what holds on a machine.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.worker import landlock, seccomp

_C = ctypes.CDLL(None, use_errno=True)
_DEATH_SIGNAL, _DUMPABLE, _SUBREAPER, _NO_NEW_PRIVILEGES = 1, 4, 36, 38

# What libraries read of a machine: its processors, its memory, its time zone, its certificates and its shared objects.
_MACHINE = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/sys/kernel"),
    *("/sys/devices/system", "/sys/fs/cgroup", "/sys/bus/pci"),
)
_DEVICES = ("nvidia*", "kfd", "dri")


def hide_memory() -> bool:
    """Keep other processes of this user from reading this one's memory and environment; whether that could be done."""
    return _prctl(_DUMPABLE, 0)


def end_with_parent() -> None:
    """Have the system kill this process when the one that forked it ends, however it ends."""
    _prctl(_DEATH_SIGNAL, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of whatever this process's children leave behind."""
    _prctl(_SUBREAPER, 1)


def begin(order: Mapping[str, Any], output: int) -> dict[str, bool]:
    """Be the process of an order, in its own folder and shut in; returns what of that this system knows.

    Args:
        order: `folder`, the process's own; `path`, folders with modules; `after`, such as come after all others; and
            what `shut_in` takes.
        output: where it writes what it prints.
    """
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # The process is killed when its task has no more use for it: a line that waits in a buffer would be lost.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.chdir(order["folder"])
    os.environ.update({"HOME": order["folder"], "TMPDIR": order["folder"]})
    sys.path[:] = dict.fromkeys([*order["path"], *sys.path, *order.get("after", ())])
    return shut_in(order)


def shut_in(order: Mapping[str, Any]) -> dict[str, bool]:
    """Give up what a model has no use for; returns what of it this system knows.

    Args:
        order: `memory`, bytes of data at most, or 0; `folder`, the only one to write to; `path` and `reads`, what may
            be read beside the interpreter's own.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    held = {"memory limit": _limit_memory(order["memory"])}
    held["no new privileges"] = _prctl(_NO_NEW_PRIVILEGES, 1)
    held["no privileges"] = _drop_capabilities()
    reads = {
        *_MACHINE,
        *order["reads"],
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        str(Path(__file__).parent),
    }
    reads |= {str(path) for name in _DEVICES for path in Path("/dev").glob(name)}
    held["files"] = landlock.restrict(reads, listed=order["path"], written=(order["folder"], "/dev/null"))
    held["no network"] = held["no new privileges"] and seccomp.restrict()
    return held


def _limit_memory(limit: int) -> bool:
    if not limit:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    except (OSError, ValueError):  # a system that knows no such limit, or has a lower one already
        return False
    return sys.platform == "linux"


def _prctl(option: int, value: int) -> bool:
    return hasattr(_C, "prctl") and _C.prctl(option, value, 0, 0, 0) == 0


def _drop_capabilities() -> bool:
    """Give up what root may do beyond its own files: without it, the memory of other processes is closed to root."""
    if not hasattr(_C, "capset"):
        return False
    header = struct.pack("Ii", 0x20080522, 0)  # the third version of the interface, this process
    return bool(_C.capset(header, bytes(24)) == 0)
