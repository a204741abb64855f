"""Of every call the filter says the right thing, on both processors, as the kernel would run it."""

import errno
import os
import struct

import pytest

from pipeline.worker import seccomp

ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
THREAD, PROGRAM, USERS = 0x50F00 | 0x10000, 17, 0x10000000 | 17


def verdict(processor: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What a kernel makes of a call: the filter's instructions, one by one."""
    code, place = seccomp._PROCESSORS[processor]
    data = struct.pack("=IIQ6Q", number, architecture or code, 0, *arguments, *[0] * (6 - len(arguments)))
    program = [struct.unpack("HBBI", step) for step in seccomp._program(code, place)]
    value = at = 0
    while True:
        operation, true, false, operand = program[at]
        at += 1
        if operation == 0x06:
            return int(operand)
        if operation == 0x20:
            value = struct.unpack_from("=I", data, operand)[0]
        elif operation == 0x54:
            value &= operand
        else:
            at += true if (value == operand if operation == 0x15 else value >= operand) else false


# Number on either processor, arguments, verdict: of what Landlock and the other protections leave open.
CALLS: dict[str, tuple[tuple[int, int], tuple[int, ...], int]] = {
    "read": ((0, 63), (), ALLOW),
    "mmap of memory of its own": ((9, 222), (0, 4096, 3, 0x22), ALLOW),
    "mmap of memory that is shared": ((9, 222), (0, 4096, 3, 0x21), REFUSE),
    "mmap of a file": ((9, 222), (0, 4096, 1, 0x01), ALLOW),
    "chmod": ((268, 53), (), REFUSE),
    "utimensat": ((280, 88), (), REFUSE),
    "a thread": ((56, 220), (THREAD,), ALLOW),
    "a process": ((56, 220), (PROGRAM,), REFUSE),
    "a process in a namespace of its own": ((56, 220), (USERS,), REFUSE),
    "clone3, whose arguments no filter sees": ((435, 435), (), ABSENT),
    "a limit of its own": ((302, 261), (0, 7), ALLOW),
    "a limit of another process": ((302, 261), (os.getppid(), 7), REFUSE),
    "a signal to itself": ((62, 129), (os.getpid(), 9), ALLOW),
    "a signal to its group": ((62, 129), (0, 9), REFUSE),
    "a signal to all": ((62, 129), (2**32 - 1, 9), REFUSE),
    "a pair of streams": ((53, 199), (1, 0o2000001), ALLOW),
    "a pair for datagrams": ((53, 199), (1, 0o2000002), REFUSE),
    "memory that stays": ((29, 194), (), REFUSE),
    "another way to ask": ((0x40000000, 0x40000000), (), REFUSE),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_allowed_or_refused(call: str) -> None:
    numbers, arguments, expected = CALLS[call]
    for place, processor in enumerate(("x86_64", "aarch64")):
        assert verdict(processor, numbers[place], *arguments) == expected, processor
    assert verdict("x86_64", numbers[0], *arguments, architecture=0x40000003) == REFUSE


def test_a_filter_has_no_jump_too_far_and_no_more_steps_than_a_kernel_takes() -> None:
    for code, place in seccomp._PROCESSORS.values():
        assert 100 < len(list(seccomp._program(code, place))) < 4096
