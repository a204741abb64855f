"""A filter of system calls: what a model has no use for is refused from now on, to this process and all its threads.

A model computes. It opens no connection, starts no program, and asks the kernel for nothing of another process or of a
file's rights. Memory that its limit does not count is refused as well.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_C = ctypes.CDLL(None, use_errno=True)
_SECCOMP, _FILTER = 22, 2
# What the kernel calls each processor, and where its numbers stand below; -1 is a call that it does not have.
_PROCESSORS = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_REFUSED = (
    # Connections, looks into other processes, and keys: socket, ptrace, pidfd_getfd, io_uring_setup, process_vm_readv,
    # process_vm_writev, bpf, perf_event_open, userfaultfd, unshare, setns, add_key, request_key, keyctl, inotify_init,
    # inotify_init1, fanotify_init.
    *((41, 198), (101, 117), (438, 438), (425, 425), (310, 270), (311, 271), (321, 280), (298, 241)),
    *((323, 282), (272, 97), (308, 268), (248, 217), (249, 218), (250, 219), (253, -1), (294, 26)),
    *((300, 262),),
    # Programs of its own, which could outlive it, and signals: fork, vfork, execve, execveat, tkill, pidfd_send_signal.
    *((57, -1), (58, -1), (59, 221), (322, 281), (200, 130), (424, 424)),
    # Rights and times of files, which Landlock leaves to whoever owns them: chmod, fchmod, fchmodat, fchmodat2, chown,
    # fchown, lchown, fchownat, utime, utimes, futimesat, utimensat, setxattr, lsetxattr, fsetxattr, removexattr,
    # lremovexattr, fremovexattr; and truncate.
    *((90, -1), (91, 52), (268, 53), (452, 452), (92, -1), (93, 55), (94, -1), (260, 54)),
    *((132, -1), (235, -1), (261, -1), (280, 88), (188, 5), (189, 6), (190, 7), (197, 14)),
    *((198, 15), (199, 16), (76, 45)),
    # Memory that is counted to nobody, or stays when the process has ended: memfd_create, memfd_secret, shmget, shmat,
    # shmctl, semget, semctl, semop, semtimedop, msgget, msgctl, msgsnd, msgrcv, mq_open, mq_unlink.
    *((319, 279), (447, 447), (29, 194), (30, 196), (31, 195), (64, 190), (66, 191), (65, 193)),
    *((220, 192), (68, 186), (71, 187), (69, 189), (70, 188), (240, 180), (241, 181)),
)
_CLONE3 = (435, 435)

_LOAD, _AND, _EQUAL, _AT_LEAST, _END = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
# Of another way to make the same calls, which has numbers of its own (x32).
_OTHER_NUMBERS = 0x40000000


@dataclass(frozen=True)
class _Condition:
    """A call that is allowed, or refused, where some bits of an argument have a value."""

    numbers: tuple[int, int]
    argument: int
    bits: int
    value: int
    allows: bool = True


def _conditions() -> list[_Condition]:
    own, whole = os.getpid(), 0xFFFFFFFF
    to_itself = (
        (62, 129),
        (234, 131),
        (129, 138),
        (297, 240),
    )  # kill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
    return [
        *(_Condition(numbers, 0, whole, own) for numbers in to_itself),
        _Condition((302, 261), 0, whole, 0),  # prlimit64: of this process
        _Condition((56, 220), 0, 0x10000, 0x10000),  # clone: a thread
        _Condition((53, 199), 1, 0xF, 1),  # socketpair: of datagrams it could send to sockets of this machine
        _Condition((9, 222), 3, 0x21, 0x21, allows=False),  # mmap: memory that is shared and no file's
    ]


def restrict() -> bool:
    """Refuse these calls for good; whether this system can. It needs `PR_SET_NO_NEW_PRIVS`, or root's rights."""
    architecture, place = _PROCESSORS.get(platform.machine(), (0, 0))
    if not architecture:
        return False
    program = b"".join(_program(architecture, place))
    code = ctypes.create_string_buffer(program, len(program))
    filters = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    return bool(_C.prctl(_SECCOMP, _FILTER, filters, 0, 0) == 0)


def _program(architecture: int, place: int) -> Iterator[bytes]:
    refuse = _REFUSE | errno.EPERM
    yield _step(_LOAD, 4)
    yield _step(_EQUAL, architecture, 1)
    yield _step(_END, refuse)
    yield _step(_LOAD, 0)
    yield _step(_AT_LEAST, _OTHER_NUMBERS, 0, 1)
    yield _step(_END, refuse)
    yield _step(_EQUAL, _CLONE3[place], 0, 1)
    yield _step(_END, _REFUSE | errno.ENOSYS)  # its arguments are in memory: whoever asks takes clone then
    for number in (numbers[place] for numbers in _REFUSED if numbers[place] >= 0):
        yield _step(_EQUAL, number, 0, 1)
        yield _step(_END, refuse)
    for each in _conditions():
        yield _step(_EQUAL, each.numbers[place], 0, 5)
        yield _step(_LOAD, 16 + 8 * each.argument)
        yield _step(_AND, each.bits)
        yield _step(_EQUAL, each.value, 0, 1)
        yield _step(_END, _ALLOW if each.allows else refuse)
        yield _step(_END, refuse if each.allows else _ALLOW)
    yield _step(_END, _ALLOW)


def _step(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("HBBI", code, true, false, value)
