"""Landlock: from now on this process and its children read and write the named files and folders, and no others.

The kernel's interface has no binding in Python's library, and the packages that bind it are of one person each; what is
needed of it are three system calls.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_C = ctypes.CDLL(None, use_errno=True)
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _BENEATH = 1, 1

_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE, _DEVICE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE
# How many rights over files each version of the interface knows; later ones have as many as the last.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
# Older ones do not keep a process from emptying files of its user.
_FROM_EMPTYING = 3
# Connections by TCP, and signals and abstract sockets to processes outside: none of them is allowed.
_TCP, _OUTSIDE = 0b11, 0b11


def restrict(readable: Iterable[str], *, listed: Iterable[str], written: Iterable[str]) -> bool:
    """Restrict this process for good; whether the kernel holds all of it, as it does from Linux 6.2 on.

    Args:
        readable: files and folders that may be read, with all below them.
        listed: folders of which the names below may be read, and no content.
        written: files and folders that may be written.
    """
    version = _call(_CREATE, None, 0, _VERSION)
    if version < 1:
        return False
    rights = (1 << _RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("QQQ", rights, _TCP if version >= 4 else 0, _OUTSIDE if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(_CREATE, attributes, size, 0)
    if ruleset < 0:
        return False
    try:
        read = _EXECUTE | _READ | _LIST | _DEVICE
        for paths, allowed in ((readable, read), (listed, _LIST), (written, rights & ~_EXECUTE)):
            for path in paths:
                _allow(ruleset, path, allowed & rights)
        return _call(_RESTRICT, ruleset, 0) == 0 and version >= _FROM_EMPTYING
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there need not be allowed
        return
    if not stat.S_ISDIR(os.fstat(file).st_mode):
        rights &= _OF_FILES
    if rights:
        _call(_ADD, ruleset, _BENEATH, struct.pack("=Qi", rights, file), 0)
    # A rule is of an inode. Those of /proc the kernel makes anew once it was short of memory, unless they are open, and
    # refused what is below from then on. Such a descriptor gives no right to read.
    if not path.startswith("/proc/"):
        os.close(file)


def _call(number: int, *arguments: object) -> int:
    if not hasattr(os, "O_PATH"):
        return -1
    code: int = _C.syscall(number, *arguments)
    return code
